"""The use case: one partner asks for one person's data, for one purpose.

The walk, the same for every door:

 a. identify    the person, from the caller's own reference or pairwise pseudonym
 b. authorise   the snapshot of the person's choices: state, fields, epoch
 c. decide      per field: verdict, rule, reason, obligation
 d. record      the decision is durable; a refusal stops here
 e. fetch       the sources, concurrently, under one deadline, no transaction open
 f. minimise    only what is permitted, obligations applied
 g. record      the release is durable and the epoch unchanged, or nothing leaves
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from audit.canonical import Json
from audit.commitments import commit_all, new_seed
from audit.ids import new_id
from audit.journal import Draft
from connectors.base import Ask, AskActor, Fetched, Outcome
from consent.errors import PersonUnknown
from consent.guards import EpochGuard, SubjectRef, counters, use_key
from consent.queries import Snapshot
from gateway import answer
from gateway.actors import Acting, acting, levels_wanted
from gateway.coding import coding
from gateway.idempotency import Repeat
from gateway.oauth.challenges import LevelInsufficient
from gateway.oauth.presence import Present
from gateway.oauth.verification import Caller
from gateway.problems import Refusal
from gateway.services import Services
from policies.catalogue import Catalogue
from policies.decision import Authorisation, Decision, Facts, decide
from policies.minimisation import Minimised, minimise


class Wanted(NamedTuple):
    """What a partner asks for: exactly one of pseudonym and reference; names of datasets or of fields."""

    pseudonym: str | None
    reference: str | None
    purpose: str
    names: tuple[str, ...]
    batch_job: str | None = None
    repeat: Repeat | None = None

    def __repr__(self) -> str:
        return "Wanted(…)"


class _Case(NamedTuple):
    """What is the same in every entry and every step of one exchange."""

    caller: Caller
    wanted: Wanted
    who: Acting
    fields: tuple[str, ...]
    common: Mapping[str, Json]


async def exchange(
    services: Services, caller: Caller, wanted: Wanted, *, now: int, line: dict[str, Any]
) -> dict[str, Any]:
    """Decide, fetch and release, each with its durable proof; gives the answer's body.

    `line` is the request's log line. Raises the refusals of `problems.py`; then nothing has left.
    """
    who = acting(caller, batch_job=wanted.batch_job, key=services.keys.actors)
    if wanted.purpose not in services.catalogue.purposes:  # the caller's own words enter neither journal nor log
        raise Refusal("purpose_unknown", errors=[{"pointer": "/purpose", "reason": "unknown"}])
    fields = _expanded(services.catalogue, caller.partner.id, wanted.purpose, wanted.names)
    ref = new_id()
    common: dict[str, Json] = {"ref": ref, "org": caller.partner.id, "purpose": wanted.purpose, "actor": who.tag}
    case = _Case(caller=caller, wanted=wanted, who=who, fields=fields, common=common)
    person = await _identify(services, case, now=now)  # a, b
    if caller.present is not None and caller.present.pseudonym != person.pseudonym:
        raise Refusal("token_for_another")
    uses = _uses(services, case, person, now=now)
    decision = _decide(services, case, person, uses=uses, now=now)  # c
    subject = SubjectRef(person.subject, person.key)
    decided = _decided(case, decision, person)
    appended = await services.journal.append(  # d
        Draft(type="exchange.decided", members=decided, time=now, subject=subject, token=caller.token)
    )
    line.update(purpose=wanted.purpose, decision=decided["decision"], entry=appended.index)
    if not decision.granted:
        line["reasons"] = sorted(decision.denials())
        raise _denied(services, case, decision, decision.told(), entry=appended.index)
    sirets = dict.fromkeys(decision.sources, caller.partner.siret)
    found = await fetch(services, decision, person, actor=who.ask, sirets=sirets)  # e
    fetched = answer.unrevealing(decision, found, services.catalogue.tables[caller.partner.id, wanted.purpose].rules)
    records = {name: each.rows for name, each in fetched.items() if each.outcome is Outcome.found}
    codes = coding(services.keys.codes, caller.partner.id)
    minimised = minimise(decision, records, services.catalogue, pseudonymise=codes)  # f
    states = answer.states(decision, fetched, minimised)
    hidden = answer.withheld(decision, minimised, states)
    later = services.clock()
    outcome: dict[str, Json] = {**common, "states": states, "catalogue": decision.catalogue}
    if not answer.tells(states):
        failed = "unavailable" in states.values()
        members = {**outcome, "reason": "sources_unavailable" if failed else "nothing_supplied"}
        await services.journal.append(
            Draft(type="exchange.undelivered", members=members, time=later, subject=subject, token=caller.token)
        )
        if not failed:  # the sources had none of it: the same answer as for a hidden field
            raise _denied(services, case, decision, hidden.values(), entry=appended.index)
        wait = answer.retry_after(fetched)
        if wait is None:
            raise Refusal("sources_refused", entry=appended.index)
        raise Refusal("sources_unavailable", retry_after=wait, entry=appended.index)
    seed = new_seed()
    guard = _guard(services, case, decision, person, states=states, now=now)
    released = await services.journal.append(  # g
        Draft(
            type="exchange.released",
            members={**outcome, **_proofs(services, minimised, seed), **_reasons(hidden)},
            time=later,
            subject=subject,
            guard=guard,
            change=wanted.repeat.counting(person.subject, counters(guard)) if wanted.repeat else None,
            seal=_sealed(person, minimised, seed, ref=ref),
            release=True,
            token=caller.token,
        )
    )
    line["release"] = released.index
    return {
        "exchange": ref,
        "subject": {"pseudonym": person.pseudonym},
        "purpose": wanted.purpose,
        "released_at": answer.instant(later),
        "datasets": answer.datasets(services.catalogue, decision, fetched, minimised, states=states, hidden=hidden),
        "proof": {"seed": answer.base64url(seed), "receipt": services.receipt(released)},
    }


def _denied(
    services: Services, case: _Case, decision: Decision, reasons: Iterable[str], *, entry: int
) -> Refusal | LevelInsufficient:
    """The refusal; a challenge where a stronger sign-in would have opened something. The same for whoever is hidden."""
    told: dict[str, Any] = {"reasons": sorted(set(reasons)), "entry": entry}
    line = (case.caller.partner.id, case.wanted.purpose)
    if levels := levels_wanted(decision, line, services.catalogue):
        return LevelInsufficient(levels, scheme=case.caller.scheme, **told)
    return Refusal("exchange_denied", **told)


@lru_cache(maxsize=1_024)  # partners ask for the same few sets of names again and again
def _expanded(catalogue: Catalogue, recipient: str, purpose: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return catalogue.expand(recipient, purpose, names)


async def _identify(services: Services, case: _Case, *, now: int) -> Snapshot:
    """The person and their choices. A request about nobody is refused, and recorded as such."""
    wanted, partner = case.wanted, case.caller.partner
    try:
        return await services.snapshots.get(
            partner=partner.id, purpose=wanted.purpose, pseudonym=wanted.pseudonym, reference=wanted.reference
        )
    except PersonUnknown:
        members = {
            **case.common,
            "siret": partner.siret,
            "catalogue": services.catalogue.digest,
            "epoch": 0,
            "decision": "deny",
            "denials": {"person_unknown": list(case.fields)},
        }
        await services.journal.append(
            Draft(type="exchange.decided", members=members, time=now, token=case.caller.token)
        )
        raise


def _uses(services: Services, case: _Case, person: Snapshot, *, now: int) -> dict[str, int]:
    """How often each exchange served in its window, this one not included when it repeats a counted one."""
    catalogue, uses = services.catalogue, {}
    for each in catalogue.active(case.caller.partner.id, case.wanted.purpose):
        window = catalogue.window(each.id, now)
        uses[each.id] = max(0, person.uses.get(window, 0) - _counted(case, person, window))
    return uses


def _counted(case: _Case, person: Snapshot, counter: str) -> bool:
    """Whether an earlier request with this one's key has counted it there."""
    return case.wanted.repeat is not None and case.wanted.repeat.holds(person.subject, counter)


def _decide(services: Services, case: _Case, person: Snapshot, *, uses: Mapping[str, int], now: int) -> Decision:
    held = person.authorisation if case.caller.present is None else _bounded(case.caller.present, person)
    if held is not None and _counted(case, person, use_key(held.id)):
        held = replace(held, uses=max(0, held.uses - 1))
    facts = Facts(
        recipient=case.caller.partner.id,
        purpose=case.wanted.purpose,
        fields=case.fields,
        now=now,
        actor=case.who.facts,
        flags=person.flags,
        authorisation=held,
        epoch=person.epoch,
        uses=uses,
        switches=services.freeze.switches,
    )
    return decide(facts, services.catalogue)


def _bounded(present: Present, person: Snapshot) -> Authorisation | None:
    """What a token of a present person opens: their authorisation as it stands now, within what the token says."""
    held = person.authorisation
    if held is None or held.id != present.authorisation:
        return None
    return replace(held, fields=held.fields & present.fields, explicit=held.explicit & present.fields)


def _decided(case: _Case, decision: Decision, person: Snapshot) -> dict[str, Json]:
    members: dict[str, Json] = {
        **case.common,
        "siret": case.caller.partner.siret,
        "catalogue": decision.catalogue,
        "epoch": decision.epoch,
        "decision": "permit" if decision.granted else "deny",
        "sources": sorted(decision.sources),
        "permits": decision.permits(),
        "denials": decision.denials(),
    }
    if person.authorisation is not None:
        members |= {"authorisation": person.authorisation.id, "basis": person.authorisation.basis}
    return members


async def fetch(
    services: Services, decision: Decision, person: Snapshot, *, actor: AskActor, sirets: Mapping[str, str]
) -> dict[str, Fetched]:
    """What each source answered, by dataset; each source is given only the identifiers it declares to need.

    `sirets`: per source, the organisation it is told the answer is for.
    """
    known = person.identifiers()
    asks: dict[str, Ask] = {}
    for source, fields in decision.sources.items():
        kinds = services.kinds[source]
        asks[source] = Ask(
            fields=fields,
            identifiers={kind: value for kind, value in known.items() if kind in kinds},
            actor=actor,
            recipient_siret=sirets[source],
        )
    deadline = time.monotonic() + services.deadline  # the loop's time
    answers = await services.registry.fetch(asks, deadline=deadline)
    found = {dataset: each for fetched in answers.values() for dataset, each in fetched.items()}
    for source, fetched in answers.items():
        for each in fetched.values():
            if each.drift or each.outcome is Outcome.drift:
                services.drifts.tell(source, each)
        if services.kinds[source] & person.ambiguous_kinds:  # declared with several values, so never sent
            found |= {
                dataset: each._replace(outcome=Outcome.ambiguous, detail="")
                for dataset, each in fetched.items()
                if each.detail == "identifier_missing"
            }
    return found


def _proofs(services: Services, minimised: Minimised, seed: bytes) -> dict[str, Json]:
    """Commitments to what leaves: to the value, or for a list to the column of values."""
    known = services.catalogue.vocabulary.datasets
    values: dict[str, Json] = {}
    for dataset, rows in minimised.values.items():
        if not known[dataset].many:  # one row at most, of what leaves and nothing else
            values.update(*rows)
            continue
        start = f"{dataset}."
        names = [name for name in minimised.transforms if name.startswith(start)]
        values.update((name, [row.get(name) for row in rows]) for name in names)
    commits: dict[str, Json] = {**commit_all(seed, values)}
    reduced = {name: how for name, how in minimised.transforms.items() if how != "clear"}
    return {"commits": commits} | ({"transforms": reduced} if reduced else {})


def _reasons(hidden: Mapping[str, str]) -> dict[str, Json]:
    """What the recipient is told, no more: it reads this entry in its receipt."""
    reasons = {
        reason: [name for name, why in hidden.items() if why == reason] for reason in sorted(set(hidden.values()))
    }
    return {"withheld": reasons} if reasons else {}


def _sealed(person: Snapshot, minimised: Minimised, seed: bytes, *, ref: str) -> bytes:
    """For the person and who holds their key: the seed, and the true reasons of what was withheld."""
    content = {"seed": answer.base64url(seed), "withheld": minimised.withheld}
    return person.key.journal.seal(orjson.dumps(content), ref)


def _guard(
    services: Services, case: _Case, decision: Decision, person: Snapshot, *, states: Mapping[str, str], now: int
) -> EpochGuard:
    """What must still hold at commit: the epoch, the end of the authorisation, the counts.

    What a source did not answer is not used up, nor what an earlier request with the same key has counted.
    """
    catalogue, held, used = services.catalogue, person.authorisation, decision.exchanges
    if "unavailable" in states.values():
        used = answer.served(decision, states)
    windows = {name: catalogue.window(name, now) for name in used}
    again = held is not None and _counted(case, person, use_key(held.id))
    return EpochGuard(
        epoch=decision.epoch,
        catalogue=decision.catalogue,
        valid_until=held.valid_until if held else None,
        counts=tuple(
            (window, catalogue.limit(name)) for name, window in windows.items() if not _counted(case, person, window)
        ),
        authorisation=held.id if held and not again else None,
        max_uses=held.max_uses if held and not again else None,
    )
