"""Who is signed in, as pages see them."""

from dataclasses import dataclass, field
from typing import Literal

from consent.representatives import LEGAL, Held
from consent.vault import SubjectId

Role = Literal["beneficiary", "professional", "dpo", "operator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a sign-in has established; kept sealed for the length of the session. Times in milliseconds UTC."""

    role: Role
    actor: str
    """The journal's name of this human: `subject` for a beneficiary, else `gateway.actors.actor_tag`."""
    owner: str = field(repr=False)
    """What makes two sessions those of one human (provider and its `sub`): keyed before it is stored."""
    subject: SubjectId | None = field(default=None, repr=False)
    """Whose pages these are; with `mandate`, the person who is helped."""
    mandate: str | None = None
    organisation: str | None = None
    consortium: bool = False
    name: str = field(default="", repr=False)
    strong: bool = False
    provider: str = ""
    acr: str = ""
    """Of this sign-in, in the journal's word."""
    level: str = field(default="", repr=False)
    """The same in the provider's."""
    auth_time: int | None = None
    """When the human proved who they are, as the provider says (s); None when it does not."""
    id_token: str = field(default="", repr=False)
    """Needed again when signing out at the provider (OpenID Connect RP-Initiated Logout 1.0)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A signed-in human. Nothing personal of it may reach a log, an address or a title."""

    session: str
    identity: Identity = field(repr=False)
    signed_in_at: int
    form_token: str = field(repr=False)
    held: Held | None = field(default=None, repr=False)
    """The mandate these pages are open under, as it was in force a moment ago."""

    @property
    def role(self) -> Role:
        """Beneficiary, professional, DPO or operator."""
        return self.identity.role

    @property
    def subject(self) -> SubjectId | None:
        """The person whose pages these are."""
        return self.identity.subject

    @property
    def mandate(self) -> str | None:
        """The mandate under which somebody else's pages are open."""
        return self.identity.mandate

    @property
    def purposes(self) -> frozenset[str] | None:
        """What for the person's sharings may be read; None: all. Under a mandate that was not read, none."""
        if self.mandate is None:
            return None
        return frozenset() if self.held is None else self.held.purposes or None

    @property
    def entire(self) -> bool:
        """Whether all that is held of the person may be read (GDPR 15): they, or who the law has act for them."""
        if self.mandate is None:
            return True
        return self.held is not None and self.held.capacity in LEGAL and not self.held.purposes

    @property
    def organisation(self) -> str | None:
        """Slug of the institution of a professional, a DPO or an operator."""
        return self.identity.organisation

    @property
    def consortium(self) -> bool:
        """Whether this DPO sees every institution."""
        return self.identity.consortium

    @property
    def actor(self) -> str:
        """The journal's name of this human."""
        return self.identity.actor

    @property
    def name(self) -> str:
        """What the page may greet them with."""
        return self.identity.name

    @property
    def strong(self) -> bool:
        """Whether a second factor was used."""
        return self.identity.strong
