"""Several gateways on one PostgreSQL, exchanges and changes of mind racing on the same few people, one gateway killed.

`python -m tests.journeys.race [SECONDS]` runs it for as long and tells the counts that `check-authorisations` finds in
the exported journal, from the journal alone.
"""

import asyncio
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from connectors import sandbox
from connectors.sandbox.people import Person
from consent.records import Authorisations, Transition
from consent.states import VALID, By, Record
from gateway.database import open_database
from gateway.processes import free_port
from gateway.schema import migrate
from gateway.services import open_services
from gateway.settings import Settings
from tests.bed import PERSON_HERSELF, Bed, professional, served, settings_of
from tests.conftest import PostgresServer
from tests.crash.server import Server
from tests.factories import crowd, unused

ROOT = Path(__file__).parents[2]
LINES = {
    "outil-commun": ("support.shared_diagnosis", "diagnosis"),  # rests on consent
    "dept-brume": ("orientation.rsa", "registration"),  # on a public task
}
"""Partners, what for, and the dataset: of a source that answers about one person several times at once."""

SERVERS, PEOPLE, CLIENTS = 3, 4, 12
DPO = By(kind="dpo", channel="library", actor="d" * 32)
CONTROLLER = By(kind="controller", channel="library", actor="c" * 32)
_chance = random.Random()  # noqa: S311  no secret; another race each time


def people() -> dict[str, Person]:
    """Each source takes its time, so that there is always something between a decision and its release."""
    everybody = crowd({"lucas-perrin": PEOPLE})
    for number, name in enumerate(unused("lucas-perrin", PEOPLE)):
        person, seconds = everybody[name], 0.01 + 0.03 * number
        slow = {call: replace(each, situation="slow", seconds=seconds) for call, each in person.standings.items()}
        everybody[name] = replace(person, standings=slow)
    return everybody


def often(home: Path) -> Path:
    """The consortium's catalogue, with as many exchanges a month as a race takes."""
    folder = shutil.copytree(ROOT / "policies" / "catalogue", home / "catalogue")
    for file in folder.glob("*.yaml"):
        text = file.read_text("utf-8").replace("30/month", "999999/month").replace("max_uses: 200", "max_uses: 999999")
        file.write_text(text, "utf-8")
    return folder


@dataclass
class Race:
    """One race: what runs, and what was told to whom."""

    bed: Bed
    settings: Settings
    servers: list[Server]
    tokens: dict[str, str] = field(default_factory=dict)
    names: dict[tuple[str, str], str] = field(default_factory=dict)  # (person, partner): pseudonym
    acknowledged: dict[int, str] = field(default_factory=dict)  # entry: event
    answers: Counter[str] = field(default_factory=Counter)
    over: bool = False

    async def enter(self) -> None:
        """Tokens, and everybody linked and authorised with both partners."""
        for partner, (purpose, _) in LINES.items():
            self.tokens[partner] = await self.bed.token(partner, professional=professional("referent"))
            for person in unused("lucas-perrin", PEOPLE):
                pseudonym = await self.bed.link(self.tokens[partner], person)
                self.names[person, partner] = pseudonym
                await self.bed.authorise(self.tokens[partner], partner, pseudonym, purpose)

    async def ask(self, person: str, partner: str, server: Server) -> int:
        """One exchange; 0 when the gateway was killed meanwhile."""
        purpose, dataset = LINES[partner]
        body = {"subject": {"pseudonym": self.names[person, partner]}, "purpose": purpose, "fields": [dataset]}
        headers = {"Authorization": f"Bearer {self.tokens[partner]}"}
        try:
            answer = await self.bed.http.post(f"{server.url}/v1/exchanges", json=body, headers=headers)
        except httpx.TransportError:
            self.answers["killed"] += 1
            return 0
        assert answer.status_code in {200, 403, 409}, answer.text
        self.answers[str(answer.status_code)] += 1
        return answer.status_code

    async def load(self) -> None:
        """One client: anybody, for any partner, at any gateway."""
        while not self.over:
            person, partner = _chance.choice(list(self.names))
            if not await self.ask(person, partner, _chance.choice(self.servers)):
                await asyncio.sleep(0.1)

    async def minds(self, person: str, partner: str) -> None:
        """A person who changes their mind about a partner again and again; after each stop, every gateway refuses."""
        pseudonym = self.names[person, partner]
        subject = await self.bed.subject(partner, pseudonym)
        while not self.over:
            [newest, *_] = [each for each in await self._held.authorisations_of(subject) if each.recipient == partner]
            await asyncio.sleep(_chance.uniform(0.2, 1.5) if newest.state in VALID else _chance.uniform(0, 0.1))
            step = self._step(newest, {"subject": subject, "by": PERSON_HERSELF, "now": self.bed.services.clock()})
            if step is None:
                await self.bed.authorise(self.tokens[partner], partner, pseudonym, LINES[partner][0])
                continue
            done = await step
            self.acknowledged[done.appended.index] = json.loads(done.appended.leaf)["type"]
            if done.record.state not in VALID:
                for server in self.servers:
                    assert await self.ask(person, partner, server) in {0, 403}

    @property
    def _held(self) -> Authorisations:
        return self.bed.services.authorisations

    def _step(self, record: Record, own: dict[str, Any]) -> Awaitable[Transition] | None:
        """Any that is possible now; None when it must be asked for anew."""
        fewer = frozenset(sorted(record.fields)[1:])
        possible: dict[str, list[Callable[[], Awaitable[Transition]]]] = {
            "valid": [
                lambda: self._held.withdraw(record.id, **own),
                lambda: self._held.pause(record.id, **own),
                lambda: self._held.renew(record.id, **own),
                *([lambda: self._held.narrow(record.id, fields=fewer, **own)] if fewer else []),
            ],
            "paused": [lambda: self._held.resume(record.id, **own), lambda: self._held.withdraw(record.id, **own)],
            "active": [
                lambda: self._held.object_to(record.id, **own),
                lambda: self._held.invalidate(record.id, reason="notice_defective", **own | {"by": DPO}),
            ],
            "objection_lodged": [
                lambda: self._held.override(record.id, grounds="e" * 64, cosigned=DPO, **own | {"by": CONTROLLER}),
            ],
        }
        state = "valid" if record.state in {"given", "renewed"} else record.state
        return _chance.choice(possible[state])() if state in possible else None

    async def run(self, seconds: float) -> None:
        """Race; in the middle one gateway is killed, and started again."""
        clients = [asyncio.create_task(self.load()) for _ in range(CLIENTS)]
        clients += [asyncio.create_task(self.minds(*each)) for each in self.names]
        await asyncio.sleep(seconds / 2)
        self.servers[-1].kill()
        await asyncio.sleep(min(2.0, seconds / 8))
        await self.servers[-1].start()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asyncio.gather(*clients)), seconds * 3 / 8)
        self.over = True
        await asyncio.gather(*clients)

    async def judged(self, out: Path) -> dict[str, Any]:
        """Export once everything is published; what the offline checker says of it."""
        size = await self.bed.size()
        while (await self.bed.services.log.served()).size < size:  # noqa: ASYNC110  the publisher tells nobody
            await asyncio.sleep(0.2)
        values = self.settings.model_dump(mode="json", exclude_none=True)
        environment = os.environ | {f"PASSERELLE_{name.upper()}": str(value) for name, value in values.items()}
        run = [sys.executable, "-m", "gateway", "audit", "export", "--out", str(out)]
        await asyncio.to_thread(subprocess.run, run, check=True, capture_output=True, env=environment, cwd=ROOT)
        run = [sys.executable, "-m", "audit", "check-authorisations", "--json", str(out)]
        done = await asyncio.to_thread(subprocess.run, run, check=False, capture_output=True, cwd=ROOT)
        found: dict[str, Any] = json.loads(done.stdout)["reports"][0]
        return found | {"code": done.returncode}


@contextlib.asynccontextmanager
async def racing(home: Path, database_url: str) -> AsyncIterator[Race]:
    """Gateways, sandbox, partners; nobody has asked anything yet."""
    everybody = people()
    async with served(sandbox.build(people=everybody)) as sandbox_url, contextlib.AsyncExitStack() as stack:
        ports = [free_port(0) for _ in range(SERVERS)]
        settings = settings_of(
            home,
            database_url=database_url,
            sandbox_url=sandbox_url,
            public_url=f"http://127.0.0.1:{ports[0]}",
            port=ports[0],
            deadline=8.0,
            catalogue=often(home),
        )
        async with open_database(settings.main_url) as store, open_database(settings.keys_url) as keys:
            await migrate(store, keys)
        services = await stack.enter_async_context(open_services(settings))
        limits = httpx.Limits(max_keepalive_connections=0)
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=settings.public_url, timeout=30, limits=limits)
        )
        bed = Bed(services=services, http=http, sandbox=sandbox_url, people=everybody)
        for partner in LINES:
            await bed.partner(partner)
        servers = [await stack.enter_async_context(Server(settings, port=port)) for port in ports]
        race = Race(bed, settings, servers)
        await race.enter()
        yield race


async def main(seconds: float) -> None:
    """One race on a PostgreSQL of its own."""
    server = PostgresServer()
    try:
        with tempfile.TemporaryDirectory() as home:
            async with racing(Path(home), server.create_database()) as race:
                await race.run(seconds)
                found = await race.judged(Path(home) / "copy")
    finally:
        server.remove()
    told = {"seconds": seconds, "answers": dict(race.answers), "acknowledged": len(race.acknowledged), **found}
    sys.stdout.write(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    asyncio.run(main(float((*sys.argv[1:], "60")[0])))
