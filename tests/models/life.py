"""The real thing under a state machine: two gateways' services on one database, one person who changes their mind.

Exchanges are held at their source, so that anything can happen between a decision and its release; several may be let
go at the same moment as a change. After every step the journal is read on, and judged by what an auditor has
(`audit.authorisations_check`). `python -m tests.models.life EXAMPLES [URL]` tries more of them.
"""

import asyncio
import contextlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import Connection

from audit.authorisations_check import Follower
from audit.batch import Draft, Ruling
from connectors import sandbox
from consent.errors import ConsentError, EpochChanged
from consent.guards import EpochGuard, Gate
from consent.states import VALID, By, Record
from gateway.authorisations import Asked, ask
from gateway.exchange import Wanted, exchange
from gateway.oauth.client import new_key
from gateway.oauth.gate import TokenGate
from gateway.oauth.revocation import TokenRef
from gateway.oauth.verification import Caller
from gateway.partners import register
from gateway.problems import Refusal
from gateway.services import Services
from tests.bed import PERSON_HERSELF, Bed, bed, open_bed, professional, served, settings_of
from tests.journeys.race import CONTROLLER, DPO, LINES, often

PERSON = "lucas-perrin"


class Careless(Gate):
    """Broken on purpose: stamps and counts, but lets every release pass."""

    def __call__(self, connection: Connection, drafts: Sequence[Draft]) -> Ruling:
        """As the gate would, had nobody told it what the decision relied on."""
        return super().__call__(
            connection, [replace(each, guard=None) if isinstance(each.guard, EpochGuard) else each for each in drafts]
        )


class Holding:
    """A source whose last call of an exchange is answered when it is let to; until `learnt`, everything at once."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._held: set[str] = set()
        self._last = ""
        self.arrived: list[asyncio.Event] = []

    def learnt(self) -> None:
        """Hold from now on what was the last call of the exchange that has just been made."""
        self._held.add(self._last)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI."""
        self._last = scope["path"]
        if self._last in self._held:
            self.arrived.append(event := asyncio.Event())
            await event.wait()
        await self._app(scope, receive, send)


@dataclass(slots=True)
class Held:
    """An exchange whose source has not answered; `changes` is how many there had been when it began."""

    task: "asyncio.Task[Any]"
    sources: list[asyncio.Event]
    changes: int


@dataclass
class Town:
    """Two processes' services; `run` drives their loop from outside."""

    services: list[Services]
    bed: Bed
    source: Holding
    runner: asyncio.Runner
    callers: dict[str, Caller] = field(default_factory=dict)
    pseudonyms: dict[str, str] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)

    def run(self, work: Any) -> Any:
        """Run one step to its end."""
        return self.runner.run(work)

    async def enter(self) -> None:
        """Both partners, and the person known to both."""
        for partner in LINES:
            scopes = self.services[0].server.scopes_supported
            key, party = new_key(f"{partner}-1"), self.services[0].catalogue.parties[partner]
            known = await register(
                self.services[0], name=partner, siret=party.siret, jwks=key.jwks(), scopes=scopes, binding="bearer"
            )
            caller = Caller(
                partner=known,
                scopes=frozenset(scopes),
                actor=professional("referent"),
                vouching=known.id,
                token=TokenRef(("t",), 0),
            )
            self.callers[partner], self.bed.keys[partner] = caller, key
            token = await self.bed.token(partner, professional=professional("referent"))
            self.pseudonyms[partner] = await self.bed.link(token, PERSON)
            purpose, dataset = LINES[partner]
            await self.bed.authorise(token, partner, self.pseudonyms[partner], purpose)
            for process in self.services:
                wanted = Wanted(pseudonym=self.pseudonyms[partner], reference=None, purpose=purpose, names=(dataset,))
                await exchange(process, caller, wanted, now=process.clock(), line={})
            self.source.learnt()


@asynccontextmanager
async def _open(home: Path, url: str, gate: Callable[..., Gate]) -> AsyncIterator[tuple[list[Services], Bed, Holding]]:
    source = Holding(sandbox.build())
    async with served(source) as sandbox_url, contextlib.AsyncExitStack() as stack:
        more: dict[str, Any] = {"catalogue": often(home), "deadline": 15.0}
        first = await stack.enter_async_context(bed(home, database_url=url, sandbox_url=sandbox_url, **more))
        known = settings_of(home, database_url=url, sandbox_url=sandbox_url, **more)
        second = await stack.enter_async_context(open_bed(known, sandbox_url=sandbox_url))
        for each in (first, second):
            journal = each.services.journal
            judges = TokenGate(gate(each.services.clock), clock=each.services.clock)
            journal._rules = replace(journal._rules, gate=judges)
        yield [first.services, second.services], first, source


@contextmanager
def town(home: Path, url: str, *, gate: Callable[..., Gate] = Gate) -> Iterator[Town]:
    """A town on an empty database."""
    with asyncio.Runner() as runner:
        opening = _open(home, url, gate)
        services, first, source = runner.run(opening.__aenter__())
        try:
            opened = Town(services, first, source, runner)
            runner.run(opened.enter())
            yield opened
        finally:
            runner.run(opening.__aexit__(None, None, None))


_PROCESS = st.integers(0, 1)


class Life(RuleBasedStateMachine):
    """One person, one partner, whatever may happen to the authorisation between them.

    A rule that has nothing to do does nothing: with preconditions, what may be drawn would depend on what the real
    thing did at the same moment, and Hypothesis refuses to go on when that differs.
    """

    where: ClassVar[Town]

    @initialize(partner=st.sampled_from(sorted(LINES)))
    def begin_anew(self, partner: str) -> None:
        """Whatever the last example left, a fresh authorisation stands."""
        self.partner, self.held, self.changes = partner, list[Held](), 0
        self.purpose, self.dataset = LINES[partner]
        self.subject = self.where.run(self.where.bed.subject(partner, self.where.pseudonyms[partner]))
        self.follower = Follower()
        record = self._record()
        if record is not None and record.state in VALID | {"paused", "objection_lodged"}:
            self.where.run(self._change(0, "invalidate", record))
        self.seen = self.where.run(self.where.bed.size())
        self.where.run(self._ask(0))
        self._judge()

    @rule(process=_PROCESS)
    def an_exchange_begins(self, process: int) -> None:
        """It is refused at once, or it waits for its source."""
        if len(self.held) >= 4:
            return
        held = self.where.run(self._begin(process))
        assert (held is not None) == (self._record().state in VALID)
        if held is not None:
            self.held.append(held)
        self._judge()

    @rule(which=st.integers(0, 3))
    def its_source_answers(self, which: int) -> None:
        """It is released if nothing changed since it began, else nothing leaves."""
        if not self.held:
            return
        held = self.held.pop(which % len(self.held))
        [outcome] = self.where.run(self._finish([held]))
        assert isinstance(outcome, dict) == (held.changes == self.changes), outcome
        self._judge()

    @rule(which=st.integers(0, 3))
    def its_caller_goes_away(self, which: int) -> None:
        """The task is cancelled wherever it stands."""
        if not self.held:
            return
        held = self.held.pop(which % len(self.held))
        self.where.run(_cancel(held))
        self._judge()

    @rule(process=_PROCESS, choice=st.integers(0, 9))
    def the_choice_changes(self, process: int, choice: int) -> None:
        """By whatever the life cycle allows now; when nothing is left, it is asked for anew."""
        record = self._record()
        possible = steps(record)
        if possible:
            self.where.run(self._change(process, possible[choice % len(possible)], record))
        else:
            self.where.run(self._ask(process))
        self._judge()

    @rule(process=_PROCESS, choice=st.integers(0, 9))
    def all_at_the_same_moment(self, process: int, choice: int) -> None:
        """Every source answers while the choice changes: whichever comes first, the journal has one order."""
        if not self.held:
            return
        record = self._record()
        possible = steps(record)
        name = possible[choice % len(possible)] if possible else ""
        held, self.held = self.held, []
        before = self.changes

        async def together() -> Any:
            change = self._change(process, name, record) if name else asyncio.sleep(0)
            return await asyncio.gather(change, self._finish(held))

        _, outcomes = self.where.run(together())
        for each, outcome in zip(held, outcomes, strict=True):
            assert each.changes == before or not isinstance(outcome, dict), "released by an older decision"
            self.where.done["released while it changed"] += isinstance(outcome, dict)
        self._judge()

    @rule(choice=st.integers(0, 9), other=st.integers(0, 9))
    def two_changes_at_the_same_moment(self, choice: int, other: int) -> None:
        """From both processes: one comes first, the other is planned again on what is there then, or refused."""
        record = self._record()
        possible = steps(record)
        if not possible:
            return
        names = (possible[choice % len(possible)], possible[other % len(possible)])

        async def together() -> Any:
            each = (self._change(process, name, record) for process, name in enumerate(names))
            return await asyncio.gather(*each, return_exceptions=True)

        outcomes = self.where.run(together())
        assert any(not isinstance(each, Exception) for each in outcomes), outcomes
        assert all(isinstance(each, ConsentError) for each in outcomes if isinstance(each, Exception)), outcomes
        self._judge()

    def teardown(self) -> None:
        """Nothing of this example lives on."""
        for held in getattr(self, "held", []):
            self.where.run(_cancel(held))

    def _record(self) -> Record:
        found = self.where.run(self.where.services[0].authorisations.authorisations_of(self.subject))
        return next((each for each in found if each.recipient == self.partner and each.slot == "current"), None)

    async def _ask(self, process: int) -> None:
        services = self.where.services[process]
        asked = Asked(
            pseudonym=self.where.pseudonyms[self.partner],
            reference=None,
            purpose=self.purpose,
            names=None,
            batch_job=None,
        )
        done = await ask(services, self.where.callers[self.partner], asked, now=services.clock())
        if done.record.state == "requested":
            done = await services.authorisations.give(
                done.record.id, fields=done.record.requested, **self._own(services)
            )
        self.changes += 1

    def _own(self, services: Services, by: By = PERSON_HERSELF) -> dict[str, Any]:
        return {"subject": self.subject, "by": by, "now": services.clock()}

    async def _change(self, process: int, name: str, record: Record) -> None:
        services, more, by = self.where.services[process], {}, PERSON_HERSELF
        if name == "narrow":
            more["fields"] = record.fields - {max(record.fields)}
        elif name == "invalidate":
            more["reason"], by = "notice_defective", DPO
        elif name == "override":
            more |= {"grounds": "e" * 64, "cosigned": DPO}
            by = CONTROLLER
        await getattr(services.authorisations, name)(record.id, **more, **self._own(services, by))
        self.changes += 1
        self.where.done[name] += 1

    async def _begin(self, process: int) -> Held | None:
        services, before = self.where.services[process], len(self.where.source.arrived)
        wanted = Wanted(
            pseudonym=self.where.pseudonyms[self.partner], reference=None, purpose=self.purpose, names=(self.dataset,)
        )
        caller = self.where.callers[self.partner]
        task = asyncio.create_task(exchange(services, caller, wanted, now=services.clock(), line={}))
        while not task.done() and len(self.where.source.arrived) < before + 1:  # noqa: ASYNC110  it tells nobody
            await asyncio.sleep(0.001)
        if task.done():
            assert isinstance(task.exception(), Refusal), task
            self.where.done["refused"] += 1
            return None
        return Held(task, self.where.source.arrived[before:], self.changes)

    async def _finish(self, held: Sequence[Held]) -> list[Any]:
        for event in (event for each in held for event in each.sources):
            event.set()
        outcomes = await asyncio.gather(*(each.task for each in held), return_exceptions=True)
        for outcome in outcomes:
            assert isinstance(outcome, (dict, EpochChanged)), outcome
            self.where.done["released" if isinstance(outcome, dict) else "stopped before it left"] += 1
        return outcomes

    def _judge(self) -> None:
        entries = self.where.run(self.where.bed.journal(self.seen))
        for index, entry in enumerate(entries, self.seen):
            self.follower.take(index, entry)
        self.seen += len(entries)
        self.where.done["entries"] += len(entries)
        assert {name: str(found) for name, found in self.follower.found.items() if found.count} == {}


def steps(record: Record) -> list[str]:
    """What may be done with it now, by somebody entitled."""
    possible = {
        "given": ["withdraw", "pause", "renew", "narrow", "invalidate"],
        "paused": ["resume", "withdraw", "invalidate"],
        "active": ["object_to", "invalidate"],
        "objection_lodged": ["override", "invalidate"],
    }
    names = possible.get("given" if record.state == "renewed" else record.state, [])
    return [name for name in names if name != "narrow" or len(record.fields) > 1]


async def _cancel(held: Held) -> None:
    held.task.cancel()
    await asyncio.gather(held.task, return_exceptions=True)
    for event in held.sources:
        event.set()


def play(where: Town, *, examples: int, steps_each: int = 35) -> Counter[str]:
    """Let the machine try; gives what happened. A failure is told as found: making it smaller takes minutes."""
    how = settings(
        max_examples=examples,
        stateful_step_count=steps_each,
        deadline=None,
        database=None,
        print_blob=False,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(type("Life", (Life,), {"where": where}), settings=how)
    return where.done


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        database = (*sys.argv[2:], f"sqlite:///{folder}/passerelle.db")[0]
        with town(Path(folder), database) as opened:
            sys.stdout.write(json.dumps(play(opened, examples=int(sys.argv[1])), indent=1) + "\n")
