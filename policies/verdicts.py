"""What a decision says: one verdict per field, and the views of it that the journal, the answer and the person need.

A verdict never carries a value. Its rule names the line of the catalogue that decided (`exchange@version#field`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from policies.facts import canonical
from policies.obligations import Obligation
from policies.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether one field may leave, by which rule, and under which obligation.

    `reads` is the other field of the same dataset that the obligation keeps in its place, if it needs one.
    """

    field: str
    permit: bool
    rule: str
    reason: Reason
    obligation: Obligation | None
    source: str | None
    exchange: str | None
    reads: str | None = None


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The verdicts on every field asked for, sorted by field, with the catalogue and epoch they rest on."""

    verdicts: tuple[Verdict, ...]
    catalogue: str
    epoch: int

    @cached_property
    def granted(self) -> tuple[Verdict, ...]:
        """The verdicts that permit."""
        return tuple(verdict for verdict in self.verdicts if verdict.permit)

    @property
    def permitted(self) -> tuple[str, ...]:
        """The fields that may leave."""
        return tuple(verdict.field for verdict in self.granted)

    @cached_property
    def sources(self) -> Mapping[str, tuple[str, ...]]:
        """The fields to ask of each source: those permitted, and those their obligations read."""
        asked: dict[str, set[str]] = {}
        for verdict in self.granted:
            fields = asked.setdefault(str(verdict.source), set())
            fields.add(verdict.field)
            if verdict.reads is not None:
                fields.add(verdict.reads)
        return {source: tuple(sorted(fields)) for source, fields in asked.items()}

    @property
    def exchanges(self) -> tuple[str, ...]:
        """The ids of the exchanges that a release under this decision uses: what a frequency counts."""
        return tuple(sorted({str(verdict.exchange).partition("@")[0] for verdict in self.granted}))

    def permits(self) -> dict[str, list[str]]:
        """The fields permitted, per exchange and version."""
        return _grouped((str(verdict.exchange), verdict.field) for verdict in self.granted)

    def denials(self) -> dict[str, list[str]]:
        """The fields denied, per true reason: for the journal and the person, not for the recipient."""
        return _grouped((verdict.reason.value, verdict.field) for verdict in self.verdicts if not verdict.permit)

    def told(self) -> dict[str, list[str]]:
        """The fields denied, per reason as the recipient may hear it."""
        return _grouped((verdict.reason.public, verdict.field) for verdict in self.verdicts if not verdict.permit)

    def to_json(self) -> bytes:
        """Write the decision to canonical bytes, the same for the same facts and catalogue."""
        return canonical(
            {
                "catalogue": self.catalogue,
                "epoch": self.epoch,
                "verdicts": [
                    {
                        "field": verdict.field,
                        "permit": verdict.permit,
                        "rule": verdict.rule,
                        "reason": verdict.reason.value,
                        "obligation": None if verdict.obligation is None else str(verdict.obligation),
                        "source": verdict.source,
                        "exchange": verdict.exchange,
                    }
                    for verdict in self.verdicts
                ],
            }
        )


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for key, field in pairs:
        groups.setdefault(key, []).append(field)
    return groups
