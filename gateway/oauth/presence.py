"""What the person-present flow needs beside the server: its memory, the catalogue, and what stands for the person.

`authorization_code` (RFC 6749 §4.1.3), as a list:

 1. the code is one of ours, this client's, not used, not over; its redirect_uri and PKCE verifier fit (RFC 7636)
 2. what it is bound to is proved: the DPoP key announced with the request (RFC 9449 §10)
 3. the authorisation still stands: saying no between two pages counts
 4. it is used up, by exactly one caller; the token's id is noted in the same statement

A code that comes a second time takes back the token it gave (RFC 6749 §4.1.2), unless it was another client's to use.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from audit.store import Store
from consent.naming import pseudonym_of
from consent.records import Authorisations
from consent.states import VALID, Record, effective_state
from consent.subjects import Pseudonym
from consent.vault import SubjectId
from gateway.oauth import details, pkce
from gateway.oauth.challenges import BearerInvalid
from gateway.oauth.claims import Claims
from gateway.oauth.errors import refused
from gateway.oauth.flows import Flow, Flows
from gateway.oauth.form import Attempt
from policies.catalogue import Catalogue

Revoke = Callable[[str, str, int, int], Awaitable[None]]
"""Takes a token back: its partner, its id, its end and now, in milliseconds."""

CODE = "code"
GRANT = "authorization_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """The person who was there, as the partner knows them, and what they gave: goes into the token."""

    pseudonym: Pseudonym = field(repr=False)
    authorisation: str
    purpose: str
    fields: frozenset[str]
    acr: str | None = None
    auth_time: int | None = None
    """Seconds."""

    def details(self) -> list[dict[str, Any]]:
        """The `authorization_details` of a token and of its answer: the grant's id is the authorisation."""
        return details.granted(authorisation=self.authorisation, purpose=self.purpose, fields=self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """See the module. `standing` gives the record and the partner's pseudonym; `revoke` takes a token id back."""

    flows: Flows
    catalogue: Catalogue
    standing: Callable[[str, SubjectId], Awaitable[tuple[Record, Pseudonym | None]]]
    revoke: Revoke


def presence_of(
    store: Store, catalogue: Catalogue, authorisations: Authorisations, *, revoke: Revoke, key: bytes
) -> Presence:
    """Build it on ready parts; `key` seals what partners send along."""

    async def standing(authorisation: str, subject: SubjectId) -> tuple[Record, Pseudonym | None]:
        record = await authorisations.get(authorisation, subject=subject)
        return record, await pseudonym_of(store, subject, partner=record.recipient)

    return Presence(flows=Flows(store, key=key), catalogue=catalogue, standing=standing, revoke=revoke)


async def exchange_code(attempt: Attempt) -> None:
    """See the module."""
    presence, sent = attempt.server.presence, attempt.parameters
    if presence is None:
        raise refused("grant")
    code = sent.get(CODE)
    if code is None:
        raise refused("code_missing")
    # 1
    flow = await _live(presence, code, client=attempt.client.id, now=attempt.now)
    if sent.get("redirect_uri") != flow.redirect_uri:
        raise refused("code_redirect_uri")
    if not pkce.verifies(sent.get("code_verifier"), flow.challenge):
        raise refused("code_verifier")
    # 2
    if flow.jkt is not None and attempt.confirmation.get("jkt") != flow.jkt:
        raise refused("code_key")
    # 3
    attempt.present = present = await _present(presence, flow, attempt.now)
    attempt.scopes = details.scopes_of(present.fields) & attempt.client.scopes
    # 4
    attempt.token_id = token = attempt.server.new_token_id()
    until = attempt.now + attempt.server.lifetime * 1000
    if not await presence.flows.redeem(flow, code=code, token=token, token_until=until, now=attempt.now):
        again = await presence.flows.by_code(code)
        if again is not None and again.token is not None:
            await _take_back(presence, again, attempt.now)
        raise refused("code_used")
    attempt.answer["authorization_details"] = present.details()


def read_present(claims: Claims) -> Present | None:
    """Who a token of ours speaks of, when it was got with a code; raises `BearerInvalid`."""
    if "authorization_details" not in claims:
        return None
    try:
        (given_,) = claims["authorization_details"]
        who = Present(
            pseudonym=claims["sub"],
            authorisation=given_["authorisation"],
            purpose=given_["purpose"],
            fields=frozenset(given_["fields"]),
            acr=claims.get("acr"),
            auth_time=claims.get("auth_time"),
        )
    except (KeyError, TypeError, ValueError):
        raise BearerInvalid("details") from None
    if "act" in claims or who.pseudonym == claims.get("client_id"):
        raise BearerInvalid("subject")
    return who


def given(record: Record, flow: Flow, now: int) -> frozenset[str]:
    """Of what this flow asks, what the person allows now; nothing when the authorisation does not stand."""
    return record.fields & flow.wish.fields if effective_state(record, now) in VALID else frozenset()


async def _live(presence: Presence, code: str, *, client: str, now: int) -> Flow:
    """The flow of a code that this client may exchange now."""
    flow = await presence.flows.by_code(code)
    if flow is None or flow.partner != client:
        raise refused("code")
    if flow.token is not None:
        await _take_back(presence, flow, now)
        raise refused("code_used")
    if flow.ended_at is not None or flow.code_until is None or flow.code_until <= now:
        raise refused("code")
    return flow


async def _present(presence: Presence, flow: Flow, now: int) -> Present:
    if flow.subject is None or flow.authorisation is None:
        raise refused("code")
    record, pseudonym = await presence.standing(flow.authorisation, flow.subject)
    fields = given(record, flow, now)
    if not fields or pseudonym is None:
        raise refused("code_withdrawn")
    return Present(
        pseudonym=pseudonym,
        authorisation=record.id,
        purpose=record.purpose,
        fields=fields,
        acr=flow.acr or None,
        auth_time=None if flow.signed_in_at is None else flow.signed_in_at // 1000,
    )


async def _take_back(presence: Presence, flow: Flow, now: int) -> None:
    if flow.token is not None and flow.token_until is not None and flow.token_until > now:
        await presence.revoke(flow.partner, flow.token, flow.token_until, now)
