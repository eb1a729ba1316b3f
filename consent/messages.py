"""What leaves towards people: that there is something new, or a code. Never what, from whom, or about whom.

Answers for: the one interface a provider of SMS, e-mail or letters stands behind. The words are the provider's
template, chosen by language: « Il y a du nouveau », or the six digits. Refuses any other content.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

Way = Literal["sms", "email", "letter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message; `id` is the same when it is sent again, so that a provider can drop the second."""

    id: str
    way: Way
    to: str = field(repr=False)
    lang: str
    code: str | None = field(default=None, repr=False)


class Messenger(Protocol):
    """Sends messages; raises `MessageNotSent` when one was surely not sent."""

    async def send(self, message: Message) -> None:
        """Hand it over durably."""
        ...
