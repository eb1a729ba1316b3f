"""As whom a visitor acts on a person's pages: the person themselves, or somebody under a mandate looked at again."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from audit.canonical import Json
from consent.errors import MandateRefused
from consent.states import By
from consent.vault import SubjectId
from gateway.archive.told import PERSONAL
from gateway.services import Services
from gateway.web.problems import PageProblem
from gateway.web.visitor import Visitor


def subject_of(visitor: Visitor) -> SubjectId:
    """Whose pages these are."""
    if visitor.subject is None:
        raise PageProblem("forbidden")
    return visitor.subject


async def acting(services: Services, visitor: Visitor, *, purpose: str, now: int) -> By:
    """For an act on an authorisation of this purpose. A mandate that is over is `forbidden`."""
    method = visitor.identity.acr[:24] or None
    if visitor.mandate is None:
        return By(kind="subject", channel="page", method=method)
    try:
        mandate = await services.channels.mandates.check(
            visitor.mandate, subject=subject_of(visitor), holder=visitor.actor, purpose=purpose, present=False, now=now
        )
    except MandateRefused:
        raise PageProblem("forbidden") from None
    return By(kind="representative", channel="page", method=method, representative=mandate)


def entire(visitor: Visitor) -> SubjectId:
    """Whose pages these are, for what says everything of the person: refused under a mandate that does not reach it."""
    if not visitor.entire:
        raise PageProblem("personal")
    return subject_of(visitor)


def alone(visitor: Visitor) -> SubjectId:
    """For what is between the person and us: no mandate reaches it."""
    if visitor.mandate is not None:
        raise PageProblem("personal")
    return subject_of(visitor)


def shows(visitor: Visitor, entry: Mapping[str, Any]) -> bool:
    """Whether a line of the history is this visitor's to read: under a limited mandate those of its purposes.

    Under none what the person reported, nor their situation: that an address is protected may be kept from who helps.
    """
    if visitor.mandate is not None and entry["type"] in PERSONAL:
        return False
    return visitor.purposes is None or entry.get("purpose") in visitor.purposes


def from_elsewhere(request: Request) -> bool:
    """Whether another site's page led here: then nothing is fetched or written down on its behalf."""
    return request.headers.get("sec-fetch-site") == "cross-site"


def reader_of(visitor: Visitor) -> dict[str, Json]:
    """Who reads the person's own, as `log.read` says it: the person, or whoever helps them, under which mandate."""
    if visitor.mandate is None:
        return {"by": "subject"}
    return {"by": "representative", "mandate": visitor.mandate, "actor": visitor.actor}
