"""Witnesses behind HTTP, honest unless told otherwise, and our side that asks them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from audit.checkpoint import Checkpoint
from audit.cosignature import Cosigner
from audit.errors import LogUnknown, SizeConflict, SubmissionRefused
from audit.keys import Ed25519Signer, Vkey
from audit.models import metadata
from audit.policy import parse_policy
from audit.reading import PublishedLog
from audit.witness import Witness
from audit.witnessing import Witnessing
from gateway.database import open_database
from gateway.witnesses import WitnessClient
from tests.bed import served
from tests.unit.audit.conftest import BASE, NOW, ORIGIN, Log, linked, make_log

LOG = Ed25519Signer(ORIGIN, b"\1" * 32)
KEYS = [Cosigner(f"w{n}.example", bytes([n + 40]) * 32) for n in range(4)]
Behaviour = Callable[[bytes], Awaitable[Response]]
SIZE = {"Content-Type": "text/x.tlog.size"}
CODES = {"submission_malformed": 400, "log_key_missing": 403, "log_unknown": 404, "inconsistent_checkpoint": 422}


@dataclass
class Neighbour:
    """A witness with a store of its own, honest unless told otherwise, behind HTTP."""

    key: Cosigner
    witness: Witness
    now: int = NOW
    posts: list[bytes] = field(default_factory=list)
    post: Behaviour | None = None
    get: Behaviour | None = None
    url: str = ""

    async def honest(self, body: bytes) -> Response:
        try:
            return PlainTextResponse(await self.witness.add_checkpoint(body, now=self.now))
        except SizeConflict as conflict:
            return Response(f"{conflict.size}\n", 409, headers=SIZE)
        except SubmissionRefused as refused:
            return PlainTextResponse(refused.code, CODES[refused.code])

    async def shown(self, body: bytes) -> Response:
        try:
            return PlainTextResponse(await self.witness.checkpoint(body.decode()))
        except LogUnknown:
            return PlainTextResponse("", 404)

    def app(self) -> Starlette:
        async def add(request: Request) -> Response:
            body = await request.body()
            self.posts.append(body)
            return await (self.post or self.honest)(body)

        async def show(request: Request) -> Response:
            return await (self.get or self.shown)(request.path_params["log"].encode())

        return Starlette(routes=[Route("/w/add-checkpoint", add, methods=["POST"]), Route("/w/{log}/checkpoint", show)])


@contextlib.asynccontextmanager
async def neighbour(home: Path, key: Cosigner) -> AsyncIterator[Neighbour]:
    policy = parse_policy(f"log {Vkey(BASE, LOG.vkey.public)}\nquorum none\n")
    async with open_database(f"sqlite:///{home}/{key.vkey.name}.db") as database:
        await database.write(metadata.create_all)
        one = Neighbour(key, Witness(database, policy=policy, cosigners=lambda: [key]))
        async with served(one.app()) as url:
            one.url = f"{url}/w/"
            yield one


class Ours:
    """Our side: the log, its publisher, the witnesses it asks."""

    def __init__(self, log: Log, client: WitnessClient, policy: str) -> None:
        self.log = log
        self.publisher = log.publisher()
        self.held: list[Any] = []
        self.published = PublishedLog(log.database, quorum=True)
        self.policy = parse_policy(policy)
        self.witnessing = self.another(client)

    def another(self, client: WitnessClient, **changes: Any) -> Witnessing:
        def hold(error: Any) -> None:
            self.held.append(error)
            self.publisher.hold(error)

        parts: dict[str, Any] = {
            "log": self.published,
            "policy": self.policy,
            "transport": client,
            "vkeys": lambda origin: [Vkey(origin, LOG.vkey.public)],
            "hold": hold,
            "interval": 0.01,
        }
        return Witnessing(self.log.database, **parts | changes)

    async def grow(self, entries: int) -> Checkpoint:
        async with self.log.journal() as journal:
            await asyncio.gather(*(journal.append(linked(time=self.log.clock())) for _ in range(entries)))
        checkpoint = await self.publisher.publish_once(self.log.clock())
        assert checkpoint is not None
        return checkpoint

    async def ask(self) -> dict[str, str]:
        await self.witnessing.ask(self.log.clock())
        return self.codes()

    def codes(self) -> dict[str, str]:
        return {name: fault.code if fault else "ok" for name, fault in self.witnessing.faults.items()}


def policy_of(neighbours: list[Neighbour], needed: int | str = "all") -> str:
    lines = [f"witness {one.key.vkey.name} {one.key.vkey} {one.url}" for one in neighbours]
    names = " ".join(one.key.vkey.name for one in neighbours)
    return "\n".join([*lines, f"group G {needed} {names}", "quorum G", ""])


def always(answer: Callable[[], Response]) -> Behaviour:
    async def behave(_body: bytes) -> Response:
        return answer()

    return behave


def copy_of(log: Log, home: Path) -> Log:
    """The same log as it is now, in another SQLite file with a signer state of its own: a backup."""
    home.mkdir()
    source = Path(log.database._path)
    for suffix in ("", "-wal"):
        with contextlib.suppress(FileNotFoundError):
            (home / f"journal.db{suffix}").write_bytes(Path(f"{source}{suffix}").read_bytes())
    for state in source.parent.glob("signer*"):
        (home / state.name).write_bytes(state.read_bytes())
    return make_log(open_database(f"sqlite:///{home}/journal.db"), home)
