"""What one organisation would see of a person if they say yes, and what is left if they stop: the person's own look.

The walk is the exchange's, with the same functions (docs/adr/0026):

 a. identify    the person, by their own session; the record is theirs or `authorisations.get` refused it
 b. suppose     the authorisation as it would stand: said yes to these fields, or stopped
 c. decide      `policies.decide`, for the professional of the catalogue who may see most
 d. record      `person.previewed` is durable before any source is asked: the journal shows the look to the person
 e. fetch       the sources, under the exchange's deadline; each is told its own SIRET: nothing goes to the organisation
 f. minimise    `policies.minimise`: the very values that would leave, and no other

To use it: get the record with `services.authorisations.get(id, subject=…)`, then

    seen = await preview(services, record, by=By(kind="subject", channel="page"), now=now)
    for each in seen.datasets: each.state, each.rows, each.hidden      # a page in `no-store`, for this person only
    seen.stopped                                                       # the reason per field once stopped or refused

and catch `TooManyLooks` (a sentence, status 429). `fields` narrows it to what is ticked. Values are in no repr, no log,
no journal entry; nothing is stored. Refuses to guess: a source that fails is a dataset in state `unavailable`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from audit.canonical import Json
from audit.journal import Draft
from connectors.base import AskActor, Outcome
from consent.naming import pseudonym_of
from consent.queries import Snapshot
from consent.states import By, Record
from gateway import answer
from gateway.coding import coding
from gateway.exchange import fetch
from gateway.services import Services
from policies.decision import Actor, Decision, Facts, decide
from policies.facts import Authorisation
from policies.minimisation import minimise
from policies.reasons import Reason

_STRONGEST = "high"
_GIVEN = {"consent": "given", "public_task": "active", "legal_obligation": "active"}
_STOPPED = {"consent": "withdrawn", "public_task": "objection_lodged"}
_LOOK = AskActor(id="BATCH", family_name="apercu", given_name="personne", kind="batch")


class TooManyLooks(Exception):  # noqa: N818  a page says so
    """This person has looked often within the hour: the sources are spared."""

    code = "too_many_looks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One dataset as it would arrive. `state` as in an answer to an exchange; `rows` keyed by field name.

    `hidden` gives, per field that would not leave, the true reason (`policies.reasons`); `reduced`, per field that is
    made less exact, how (`truncate:commune`).
    """

    dataset: str
    source: str | None
    state: str
    rows: tuple[Mapping[str, Any], ...] = field(repr=False)
    hidden: Mapping[str, str]
    reduced: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Both sides of a choice. `stopped` is None where the law leaves no way to stop."""

    datasets: tuple[Seen, ...]
    stopped: Mapping[str, str] | None


async def preview(
    services: Services,
    record: Record,
    *,
    by: By,
    now: int,
    fields: frozenset[str] | None = None,
    explicit: frozenset[str] | None = None,
) -> Preview:
    """Look; see the module. `fields`: those supposed given, `explicit`: those with a yes of their own (default: all).

    Raises `TooManyLooks`, `SubjectErased`, and what the journal raises: then nothing was fetched.
    """
    if not services.looks.allows(str(record.subject), now):
        raise TooManyLooks
    wanted = (record.fields or record.requested) if fields is None else fields & record.requested
    person = await _person(services, record)  # a
    decision = _widest(services, record, person, _supposed(record, wanted, explicit, now=now), now=now)  # b, c
    members: dict[str, Json] = {
        "org": record.recipient, "purpose": record.purpose, "authorisation": record.id, "by": by.kind,
        "catalogue": decision.catalogue, "sources": sorted(decision.sources), "fields": sorted(decision.permitted),
    }  # fmt: skip
    if by.representative is not None:
        members["mandate"] = by.representative.id
    await services.journal.append(Draft(type="person.previewed", members=members, time=now, subject=person.ref))  # d
    sirets = {source: services.catalogue.parties[source].siret for source in decision.sources}
    fetched = await fetch(services, decision, person, actor=_LOOK, sirets=sirets)  # e
    helped = by.representative is not None
    if helped and fetched:
        rules = services.catalogue.tables[record.recipient, record.purpose].rules
        fetched = dict(answer.unrevealing(decision, fetched, rules))
    records = {name: each.rows for name, each in fetched.items() if each.outcome is Outcome.found}
    codes = coding(services.keys.codes, record.recipient)
    minimised = minimise(decision, records, services.catalogue, pseudonymise=codes)  # f
    states = answer.states(decision, fetched, minimised)
    hidden = answer.withheld(decision, minimised, states) if helped else _true(decision, minimised.withheld)
    sources = {verdict.field.partition(".")[0]: verdict.source for verdict in decision.granted}
    datasets = tuple(
        Seen(
            dataset=name,
            source=None if helped and state == "withheld" else sources.get(name),
            state=state,
            rows=tuple(minimised.values.get(name, ())) if state == "released" else (),
            hidden=_of(name, hidden),
            reduced=_of(name, {each: how for each, how in minimised.transforms.items() if how != "clear"}),
        )
        for name, state in states.items()
    )
    return Preview(datasets=datasets, stopped=_stopped(services, record, person, helped=helped, now=now))


def _true(decision: Decision, withheld: Mapping[str, Reason]) -> dict[str, str]:
    """The true reasons, for the person alone: one may tell their situation."""
    denied = {verdict.field: verdict.reason.value for verdict in decision.verdicts if not verdict.permit}
    return denied | {name: reason.value for name, reason in withheld.items()}


def _of(dataset: str, said: Mapping[str, str]) -> dict[str, str]:
    return {name: what for name, what in sorted(said.items()) if name.partition(".")[0] == dataset}


def _stopped(
    services: Services, record: Record, person: Snapshot, *, helped: bool, now: int
) -> Mapping[str, str] | None:
    """Per field, why it would not leave any more: decided, not asserted. None where the law leaves no way to stop."""
    state = _STOPPED.get(record.basis)
    if state is None:
        return None
    held = replace(_supposed(record, record.fields or record.requested, None, now=now), state=state)
    decision = _widest(services, record, person, held, now=now)
    return decision.ruling.withheld if helped else _true(decision, {})


async def _person(services: Services, record: Record) -> Snapshot:
    """The same snapshot an exchange of this organisation would read."""
    pseudonym = await pseudonym_of(services.store, record.subject, partner=record.recipient)
    return await services.snapshots.get(partner=record.recipient, purpose=record.purpose, pseudonym=pseudonym)


def _supposed(record: Record, fields: frozenset[str], explicit: frozenset[str] | None, *, now: int) -> Authorisation:
    return Authorisation(
        id=record.id,
        basis=record.basis,
        state=_GIVEN[record.basis],
        fields=fields,
        explicit=fields if explicit is None else fields & explicit,
        valid_from=min(record.valid_from, now),
        valid_until=record.valid_until,
        max_uses=record.max_uses,
        uses=record.uses,
    )


def _widest(services: Services, record: Record, person: Snapshot, held: Authorisation, *, now: int) -> Decision:
    """Decide for whoever of the catalogue may see most: a person must see the most that could leave."""
    catalogue = services.catalogue
    line = (record.recipient, record.purpose)
    terms = catalogue.tables[line].terms if line in catalogue.tables else ()
    roles = sorted({role for each in terms for role in each.roles})
    actors = [Actor(kind="professional", role=role, assurance=_STRONGEST) for role in roles]
    actors += [Actor(kind=kind, role=None, assurance=None) for kind in ("batch", "person")]
    uses = {each.id: person.uses.get(catalogue.window(each.id, now), 0) for each in catalogue.active(*line)}
    facts = Facts(
        recipient=record.recipient,
        purpose=record.purpose,
        fields=tuple(sorted(record.requested)),
        now=now,
        actor=None,
        flags=person.flags,
        authorisation=held,
        epoch=person.epoch,
        uses=uses,
        switches=services.freeze.switches,
    )
    decisions = [decide(replace(facts, actor=actor), catalogue) for actor in actors]
    return max(decisions, key=lambda each: len(each.granted))
