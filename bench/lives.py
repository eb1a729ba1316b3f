"""People with something on every page, so that no page of theirs is measured empty.

They are the sandbox's: linked, asked and answered through the library long before the filled journal begins, which is
about them too, more often than about others. What waits, what is asked and what is reported today comes after it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.console_log import Person
from bench.population import LISE
from connectors.sandbox.people import load as load_people
from consent.errors import ConsentError
from consent.identifiers import KINDS
from consent.representatives import Checked
from consent.states import By, Record
from consent.vault import SubjectId
from gateway import rights
from gateway.authorisations import Asked, ask, invite
from gateway.oauth.client import new_key
from gateway.oauth.revocation import TokenRef
from gateway.oauth.verification import Caller
from gateway.oversight.requests import Hand, case, note_stage
from gateway.partners import register
from gateway.services import Services
from gateway.web.me import reports
from gateway.web.me.lines import accesses, line_at, person_of

DAY_MS = 86_400_000
BEFORE_MS = 162 * DAY_MS
"""How long ago they said yes: a consent of 180 days can then be renewed."""

_HERSELF = By(kind="subject", channel="library", method="bench")
_COUNTER = By(kind="professional", channel="counter", actor="ab" * 16)
_ASKS = {
    "given": ("ml-brume", "support.youth"),
    "ending": ("siae-brume", "iae.eligibility"),
    "stopped": ("siae-brume", "iae.adaptation"),
    "imposed": ("dept-brume", "orientation.rsa"),
    "waiting": ("outil-commun", "support.shared_diagnosis"),
}
_SEEN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One of them: authorisations by what became of them; accesses as places in the journal."""

    subject: SubjectId
    reference: str
    ids: Mapping[str, str]
    right: str = ""
    visit: str = field(default="", repr=False)
    seen: Sequence[int] = ()
    reported: int = 0


async def callers(services: Services) -> Mapping[str, Caller]:
    """Register the organisations that ask."""
    return {org: await _caller(services, org) for org in sorted({org for org, _ in _ASKS.values()})}


async def begin(services: Services, orgs: Mapping[str, Caller], *, most: int) -> list[Life]:
    """Link people to all of them: a yes twice, one taken back, one sharing the law imposes."""
    now = services.clock()
    begun: list[Life] = []
    for name, person in sorted(load_people().items()):
        reference = f"file-{name}"
        try:
            for org in orgs:
                linked = await services.people.link(
                    partner=org, reference=reference, accepted_kinds=KINDS, now=now,
                    identifiers={**person.identifiers, "pivot": person.pivot},
                )  # fmt: skip
        except ConsentError:  # one of those the sandbox keeps for what goes wrong
            continue
        subject = await services.people.resolve(partner=org, pseudonym=linked.pseudonym)
        ids = {}
        for what in ("given", "ending", "stopped", "imposed"):
            record = await _asked(services, orgs, reference, what)
            ids[what] = record.id
            if record.state == "requested":
                explicit = record.requested if what == "stopped" else frozenset[str]()
                await services.authorisations.give(
                    record.id, subject=subject, fields=record.requested, explicit=explicit, by=_HERSELF, now=now
                )
        await services.authorisations.withdraw(ids["stopped"], subject=subject, by=_HERSELF, now=now)
        begun.append(Life(subject=subject, reference=reference, ids=ids))
    return begun[:most]


async def persons(services: Services, lives: Sequence[Life]) -> list[Person]:
    """The same for the filled journal: the key that tags them, how many entries they have, what they said yes to."""
    found = []
    for life in lives:
        key, row = await services.vault.open(life.subject), await person_of(services, life.subject)
        found.append(Person(life.subject, key, life.ids["given"], row.counter))
    return found


async def go_on(services: Services, orgs: Mapping[str, Caller], lives: Sequence[Life]) -> list[Life]:
    """Today: a request that waits, its link used; an access request under way; a report; somebody who helps."""
    now, hand = services.clock(), Hand(org="gi-brume", actor="cd" * 16)
    made = []
    for number, life in enumerate(lives):
        record = await _asked(services, orgs, life.reference, "waiting")
        link = await invite(services, record, now=now)
        opened = await services.channels.invitations.open_link(link.token, now=now)
        asked = await rights.receive(services, life.subject, "access", by=_COUNTER, now=now)
        for stage in ("identity_checked", "collected"):
            await note_stage(services, await case(services, None, asked.id), stage, hand=hand, now=now)
        helper = Checked(holder=f"{number:032x}", capacity="aidant", digest="e" * 64, until=now + 90 * DAY_MS)
        await services.channels.mandates.record(life.subject, helper, by=_COUNTER, now=now)
        first, *others = [each.index for each in (await accesses(services, life.subject, size=_SEEN)).accesses]
        line = await line_at(services, life.subject, first)
        assert line is not None  # noqa: S101  it was just read
        words = "Je n'ai rien demandé à personne."
        await reports.report(services, life.subject, line, reason="not_asked", words=words, by=_HERSELF, now=now)
        ids = {**life.ids, "waiting": record.id}
        made.append(replace(life, ids=ids, right=asked.id, visit=opened.visit, seen=others, reported=first))
    return made


async def _caller(services: Services, org: str) -> Caller:
    scopes = ["authorisations:request"]
    partner = await register(
        services, name=org, siret=services.catalogue.parties[org].siret, jwks=new_key(f"{org}-1").jwks(),
        scopes=scopes, binding="bearer",
    )  # fmt: skip
    token = TokenRef((f"{org}-1",), 0)
    return Caller(partner=partner, scopes=frozenset(scopes), actor=LISE, vouching=org, token=token)


async def _asked(services: Services, orgs: Mapping[str, Caller], reference: str, what: str) -> Record:
    org, purpose = _ASKS[what]
    wanted = Asked(pseudonym=None, reference=reference, purpose=purpose, names=None, batch_job=None)
    return (await ask(services, orgs[org], wanted, now=services.clock())).record
