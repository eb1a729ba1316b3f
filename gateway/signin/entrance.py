"""The use case: a browser goes to a provider, comes back, and somebody is signed in, or nobody is.

 1  begin      keep what must come back (`pending.py`), send the browser away with nothing else
 2  come back  what was begun, by this browser, once; then the provider's answer (`relying_party.py`)
 3  who        a beneficiary by account or civil identity, helpers by their mandates, others by the allow-list
 4  choose     when one human may enter as several: they say as whom; nothing is chosen for them
 5  open       second factor for DPOs and operators; the session, its entry and what it rests on in one transaction

A refusal is an entry of the journal, the provider, one word, no name, once the provider has vouched for somebody. What
is refused before is counted, with all that nobody had proved: anybody could fill the journal by coming back wrongly.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from audit.canonical import Json
from audit.errors import AuditError
from audit.journal import Draft, Journal
from consent.accounts import Account, Accounts
from consent.errors import IdentifierInvalid, PersonUnknown, SubjectAmbiguous, SubjectErased
from consent.representatives import Mandates, in_force
from gateway.actors import actor_tag, holder_tag
from gateway.pace import Pace
from gateway.signin.civil import civil_identity, greeting
from gateway.signin.errors import VOUCHED, Fault, SigninRefused
from gateway.signin.pending import Pendings
from gateway.signin.relying_party import RelyingParty, SignedIn
from gateway.signin.roles import Roles, owner
from gateway.web.sessions import Sessions
from gateway.web.visitor import Identity

STRONG_ROLES = frozenset({"dpo", "operator"})
_MOST = 20

_UNKNOWN = (PersonUnknown, SubjectAmbiguous, IdentifierInvalid, SubjectErased)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way in: what the session will hold. `capacity` and `until` are the mandate's, `line` the allow-list's."""

    identity: Identity = field(repr=False)
    line: str | None = None
    capacity: str | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """A session is open: its secret, and where the browser wanted to go."""

    secret: str = field(repr=False)
    role: str
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Several:
    """The human must say as whom."""

    state: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """What one browser sent: the cookie of what it began, its session's secret if any, and what kind it is."""

    cookie: str = field(repr=False)
    former: str | None = field(default=None, repr=False)
    agent: str = ""


@dataclass(slots=True, kw_only=True)
class Entrance:
    """Everything a sign-in needs."""

    parties: Mapping[str, RelyingParty]
    pendings: Pendings
    sessions: Sessions
    accounts: Accounts
    mandates: Mandates
    roles: Roles
    journal: Journal
    actors: bytes = field(repr=False)
    count: Callable[[str, int], None]
    """Notes a reason of what nobody had proved, and when (`oauth/ledger.py`)."""
    clock: Callable[[], int]
    pace: Pace = field(default_factory=lambda: Pace(burst=60, per_second=10))
    """How often one address may begin or come back; behind a proxy that is one for all."""

    async def begin(self, provider: str, browser: Browser, *, next_: str, strong: bool, fresh: bool) -> str:
        """1: the address to send the browser to."""
        party = self.party(provider)
        asked = party.ask(strong=strong, fresh=fresh)
        state = await self.pendings.begin("signin", browser.cookie, {"asked": asked, "next": next_}, now=self.clock())
        return await party.authorization(state, asked)

    async def come_back(self, provider: str, browser: Browser, returned: Mapping[str, str]) -> Entered | Several:
        """2 to 5."""
        party = self.party(provider)
        state = returned.get("state", "")
        begun = await self.pendings.take("signin", browser.cookie, state, now=self.clock())
        if begun["asked"]["provider"] != provider:  # the other provider's answer at this one's address
            self._count(Fault.ISSUER_MISMATCH)
            raise SigninRefused(Fault.ISSUER_MISMATCH)
        try:
            signed = await party.complete(begun["asked"], returned)
            ways = await self._ways(signed)  # 3
        except SigninRefused as refused:
            if refused.fault in VOUCHED:
                await self._refused(provider, refused.fault)
            elif refused.fault is not Fault.DECLINED:
                self._count(refused.fault)
            raise
        account = Account(issuer=signed.provider.issuer, sub=signed.sub)
        civil = civil_identity(signed.claims) if signed.provider.public == "people" else {}
        if len(ways) == 1:
            return await self._open(ways[0], account, civil, browser, begun["next"])
        content = {
            "ways": [{**asdict(way), "identity": {**asdict(way.identity), "id_token": ""}} for way in ways],
            "account": asdict(account),
            "civil": civil,
            "id_token": signed.id_token,
            "next": begun["next"],
        }
        return Several(state=await self.pendings.begin("choice", browser.cookie, content, now=self.clock()))

    async def choices(self, browser: Browser, state: str) -> Sequence[Way]:
        """4: the ways in, to show. Raises `SigninRefused`: `choice_gone`."""
        try:
            begun = await self.pendings.look("choice", browser.cookie, state, now=self.clock())
        except SigninRefused:
            raise SigninRefused(Fault.CHOICE_GONE) from None
        return [_way(each, begun["id_token"]) for each in begun["ways"]]

    async def choose(self, browser: Browser, state: str, place: int) -> Entered:
        """4 and 5; a choice is made once."""
        try:
            begun = await self.pendings.take("choice", browser.cookie, state, now=self.clock())
            way = _way(dict(enumerate(begun["ways"]))[place], begun["id_token"])
        except (SigninRefused, KeyError):
            raise SigninRefused(Fault.CHOICE_GONE) from None
        return await self._open(way, Account(**begun["account"]), begun["civil"], browser, begun["next"])

    async def leave(self, browser: Browser, identity: Identity) -> str:
        """Begin to sign out at the provider; gives the state to come back with."""
        content = {"provider": identity.provider, "id_token": identity.id_token}
        return await self.pendings.begin("signout", browser.cookie, content, now=self.clock())

    async def way_out(self, browser: Browser, state: str) -> tuple[str, str]:
        """Where the provider ends its session, and the provider's name; raises `SigninRefused`."""
        begun = await self.pendings.look("signout", browser.cookie, state, now=self.clock())
        party = self.party(begun["provider"])
        there = await party.way_out(begun["id_token"], state)
        if there is None:
            raise SigninRefused(Fault.UNREACHABLE)
        return there, party.provider.name

    async def left(self, browser: Browser, state: str) -> bool:
        """Whether this is the answer to a sign-out of this browser."""
        with suppress(SigninRefused):
            await self.pendings.take("signout", browser.cookie, state, now=self.clock())
            return True
        return False

    def party(self, provider: str) -> RelyingParty:
        """The provider of this name; raises `SigninRefused`."""
        party = self.parties.get(provider)
        if party is None:
            raise SigninRefused(Fault.PROVIDER_UNKNOWN)
        return party

    async def _ways(self, signed: SignedIn) -> Sequence[Way]:
        """3: at least one, or `SigninRefused`."""
        common = Identity(
            role="beneficiary",
            actor="subject",
            owner=owner(signed.provider.issuer, signed.sub),
            name=greeting(signed.claims),
            strong=signed.strong,
            provider=signed.provider.id,
            acr=signed.level.word,
            level=signed.level.acr,
            auth_time=signed.auth_time,
            id_token=signed.id_token,
        )
        if signed.provider.public == "people":
            return await self._as_person(signed, common)
        return await self._as_professional(signed, common)

    async def _as_person(self, signed: SignedIn, common: Identity) -> Sequence[Way]:
        civil, now = civil_identity(signed.claims), self.clock()
        own: Sequence[Way] = ()
        fault = Fault.PERSON_UNKNOWN
        try:
            account = Account(issuer=signed.provider.issuer, sub=signed.sub)
            found = await self.accounts.recognise(account, civil, now=now)
            own = [Way(identity=replace(common, subject=found.subject))]
        except _UNKNOWN as error:
            fault = _fault(error)
        held: Sequence[Way] = ()
        with suppress(IdentifierInvalid):
            held = await self._helping(holder_tag(self.actors, self.accounts.civil_name(civil, now=now)), common)
        if not (own or held):
            raise SigninRefused(fault)
        return [*own, *held]

    async def _as_professional(self, signed: SignedIn, common: Identity) -> Sequence[Way]:
        mail, siret = (_text(signed.claims.get(name)) for name in ("email", "siret"))
        if signed.claims.get("email_verified", True) is not True:  # nobody has shown that the address is theirs
            mail = None
        lines = await self.roles.of(issuer=signed.provider.issuer, sub=signed.sub, mail=mail, siret=siret)
        ways: list[Way] = []
        for line in lines[:_MOST]:
            tag = actor_tag(self.actors, line.organisation, signed.sub)
            named = replace(
                common, role=line.role, organisation=line.organisation, consortium=line.consortium, actor=tag
            )
            ways.append(Way(identity=named, line=line.id))
            if line.role == "professional":
                helper = replace(common, organisation=line.organisation)
                ways += [replace(way, line=line.id) for way in await self._helping(tag, helper)]
        if not ways:
            raise SigninRefused(Fault.NOT_LISTED)
        return ways

    async def _helping(self, tag: str, common: Identity) -> Sequence[Way]:
        """One way per mandate in force: the person's own pages, under the helper's name in the journal."""
        held = await self.mandates.held_by(tag, now=self.clock())
        return [
            Way(
                identity=replace(common, role="beneficiary", actor=tag, subject=each.subject, mandate=each.id),
                capacity=each.capacity,
                until=each.until,
            )
            for each in held[:_MOST]
        ]

    async def _open(
        self, way: Way, account: Account, civil: Mapping[str, Any], browser: Browser, next_: str
    ) -> Entered:
        """5."""
        identity, now = way.identity, self.clock()
        if identity.role in STRONG_ROLES and not identity.strong:
            await self._refused(identity.provider, Fault.SECOND_FACTOR, identity)
            raise SigninRefused(Fault.SECOND_FACTOR)
        remember: Callable[[Connection, int], None] | None = None
        try:
            if identity.role == "beneficiary" and identity.mandate is None:
                found = await self.accounts.recognise(account, civil, now=now)
                identity, remember = replace(identity, subject=found.subject), found.remember

            def rests_on(connection: Connection, index: int) -> None:
                if remember is not None:
                    remember(connection, index)
                if way.line is not None:
                    self.roles.take(connection, way.line, issuer=account.issuer, sub=account.sub, now=now)
                if identity.mandate is not None and not in_force(
                    connection, identity.mandate, holder=identity.actor, now=now
                ):
                    raise SigninRefused(Fault.CHOICE_GONE)

            secret = await self.sessions.open(
                identity,
                now=now,
                agent=browser.agent,
                former=browser.former,
                until=way.until,
                line=way.line,
                first=remember is not None,
                also=rests_on,
            )
        except _UNKNOWN as error:
            raise SigninRefused(_fault(error)) from None
        return Entered(secret=secret, role=identity.role, next=next_)

    def _count(self, fault: Fault) -> None:
        self.count(f"signin_{fault.value}", self.clock())

    async def _refused(self, provider: str, fault: Fault, identity: Identity | None = None) -> None:
        """The entry of a refusal; what cannot be written changes nothing for whom it refuses."""
        members: dict[str, Json] = {"provider": provider, "reason": fault.value}
        if identity is not None:
            members |= {"acr": identity.acr, "role": identity.role, "actor": identity.actor}
            members |= {} if identity.organisation is None else {"org": identity.organisation}
        with suppress(AuditError):
            await self.journal.append(Draft(type="signin.refused", members=members, time=self.clock()))


def _fault(error: Exception) -> Fault:
    words = {SubjectAmbiguous: Fault.PERSON_AMBIGUOUS, IdentifierInvalid: Fault.IDENTITY_INCOMPLETE}
    return words.get(type(error), Fault.PERSON_UNKNOWN)


def _way(said: Mapping[str, Any], id_token: str) -> Way:
    identity = Identity(**{**said["identity"], "id_token": id_token})
    return Way(identity=identity, line=said["line"], capacity=said["capacity"], until=said["until"])


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
