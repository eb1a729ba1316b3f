"""One type of entry: which members it has, of which form."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from audit.forms import Form


@dataclass(frozen=True, slots=True)
class Event:
    """One type of entry; `subject` tells whether a subject tag is required, allowed or refused."""

    required: Mapping[str, Form]
    optional: Mapping[str, Form] = field(default_factory=dict)
    subject: str = "refused"

    @property
    def members(self) -> Mapping[str, Form]:
        """Every member the caller may give."""
        return {**self.required, **self.optional}
