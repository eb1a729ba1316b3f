"""Asking witnesses over real HTTP: honest ones, slow, dead and lying ones, and those that know better than we do."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from tlog_scales.signing import Vkey as OtherVkey
from tlog_scales.signing import VkeySet
from tlog_scales.tlog import Checkpoint as OtherCheckpoint

from audit import attested, shards
from audit.checkpoint import Checkpoint, sign_note, split_note
from audit.cosignature import Cosigner, cosigned
from audit.errors import (
    LogContradicted,
    LogUnknown,
    NotPublished,
    ReleaseStopped,
    SizeConflict,
    StoreUnavailable,
    SubmissionRefused,
)
from audit.keys import Ed25519Signer, Vkey
from audit.models import audit_cosignature, metadata
from audit.policy import parse_policy
from audit.reading import PublishedLog
from audit.witness import Witness, log_id
from audit.witnessing import Witnessing
from gateway.database import open_database
from gateway.witnesses import MAX_ANSWER, WitnessClient
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


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[list[Neighbour]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(neighbour(tmp_path, key)) for key in KEYS[:3]]


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


@pytest.fixture
async def client() -> AsyncIterator[WitnessClient]:
    one = WitnessClient(seconds=1.0)
    yield one
    await one.close()


@pytest.fixture
async def ours(log: Log, three: list[Neighbour], client: WitnessClient) -> Ours:
    return Ours(log, client, policy_of(three, 2))


async def test_a_checkpoint_is_served_once_enough_witnesses_have_cosigned_it(ours, three):
    """Not before; then with their lines, which tlog-scales accepts; the next one from the size they hold."""
    await ours.grow(3)
    with pytest.raises(NotPublished):
        await ours.published.served()
    assert set((await ours.ask()).values()) == {"ok"}
    for entries in (300, 9):
        checkpoint = await ours.grow(entries)
        await ours.ask()
        note = (await ours.published.served()).note
        assert (await ours.published.served()).size == checkpoint.size
        assert set(cosigned(note, [one.key.vkey for one in three])) == {one.key.vkey for one in three}
        other = OtherCheckpoint.from_text(note)
        texts = [str(LOG.vkey), *(str(one.key.vkey) for one in three)]
        assert len(VkeySet(*map(OtherVkey.from_string, texts)).verify(other.signatures, other)) == 4
    assert [body.split(b"\n")[0] for body in three[0].posts] == [b"old 0", b"old 4", b"old 304"]


async def test_what_nobody_needs_to_be_asked_is_not_asked(ours, three):
    """Idempotent: without news nothing is sent, by this process or, once it has heard them, by another."""
    await ours.grow(3)
    await ours.ask()
    await ours.ask()
    assert [len(one.posts) for one in three] == [1, 1, 1]


async def test_a_process_that_starts_asks_everybody_once(ours, three, client):
    """What they hold is only known by asking; then they cosign anew, from the size they told."""
    await ours.grow(3)
    await ours.ask()
    restarted = ours.another(client)
    await restarted.compare()
    await restarted.ask(NOW)
    assert [len(one.posts) for one in three] == [1, 1, 1]
    without_look = ours.another(client)
    for _ in range(2):
        await without_look.ask(NOW)
    assert [body.split(b"\n")[0] for body in three[0].posts] == [b"old 0", b"old 0", b"old 4"]


async def test_a_head_that_this_log_has_grown_past_is_no_contradiction(ours, three, client):
    """A restart after any outage: the witnesses hold less than there is, at every size, and it is ours."""
    for entries in (5, 3):  # and entry 0
        await ours.grow(entries)
        await ours.ask()
    await ours.grow(300)
    restarted = ours.another(client)
    await restarted.compare()
    assert not ours.held
    await restarted.ask(NOW)
    assert three[0].posts[-1].startswith(b"old 9\n")


async def test_nothing_is_asked_before_a_checkpoint_is_signed(ours, three):
    """An empty log has nothing to show."""
    async with ours.log.journal():
        await ours.ask()
    assert not three[0].posts


async def test_without_a_quorum_to_meet_the_newest_checkpoint_is_served_with_what_lines_there_are(ours):
    """A log whose policy asks for none is not held up by its witnesses."""
    await ours.grow(3)
    await ours.ask()
    plain = PublishedLog(ours.log.database)
    assert len(split_note((await plain.served()).note)[1]) == 4
    newest = await ours.grow(3)
    assert ((await plain.served()).size, len(split_note((await plain.served()).note)[1])) == (newest.size, 1)


async def test_our_own_key_and_witnesses_without_address_are_not_asked(log, three, client):
    """A file shared by the consortium names us too; our own word is worth nothing here."""
    lines = policy_of(three, 1).replace(f" {three[2].url}", "")
    ours = Ours(log, client, lines)
    ours.witnessing = ours.another(client, own=[three[1].key.vkey])
    await ours.grow(1)
    assert await ours.ask() == {"w0.example": "ok"}
    assert [len(one.posts) for one in three] == [1, 0, 0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def slow(_body: bytes) -> Response:
    await asyncio.sleep(3)
    return PlainTextResponse("")


def always(answer: Callable[[], Response]) -> Behaviour:
    async def behave(_body: bytes) -> Response:
        return answer()

    return behave


def drip() -> Response:
    from starlette.responses import StreamingResponse

    async def drops() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x"
            await asyncio.sleep(0.1)

    return StreamingResponse(drops())


FAULTS: dict[str, tuple[Behaviour, str]] = {
    "slow": (slow, "witness_unavailable"),
    "dripping": (always(drip), "witness_unavailable"),
    "oversize": (always(lambda: PlainTextResponse("x" * (MAX_ANSWER + 1))), "witness_unavailable"),
    "failing": (always(lambda: PlainTextResponse("", 503)), "witness_unavailable"),
    "redirecting": (always(lambda: RedirectResponse("/elsewhere")), "witness_answer_invalid"),
    "refusing": (always(lambda: PlainTextResponse("", 403)), "witness_answer_invalid"),
    "silent": (always(lambda: PlainTextResponse("")), "witness_answer_invalid"),
    "talking rubbish": (always(lambda: Response(b"\xff\xfe\x00")), "witness_answer_invalid"),
    "conflict untyped": (always(lambda: PlainTextResponse("3\n", 409)), "witness_answer_invalid"),
    "conflict unsized": (always(lambda: Response("x\n", 409, headers=SIZE)), "witness_answer_invalid"),
    "conflict endless": (always(lambda: Response("2\n", 409, headers=SIZE)), "ok"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_one_faulty_witness_is_named_and_the_others_suffice(sqlite_log, three, client, fault):
    """Whatever it does, the quorum of the others is met in the same round, and its fault is told by code."""
    ours = Ours(sqlite_log, client, policy_of(three, 2))
    three[1].post, code = FAULTS[fault]
    checkpoint = await ours.grow(3)
    assert await ours.ask() == {"w0.example": "ok", "w1.example": code, "w2.example": "ok"}
    served_now = await ours.published.served()
    assert served_now.size == checkpoint.size
    assert three[1].key.vkey not in cosigned(served_now.note, [one.key.vkey for one in three])
    assert not ours.held


async def test_a_dead_witness_is_named_and_asked_again(sqlite_log, three, client):
    """Once it is back it cosigns, though nothing new was written."""
    text = policy_of(three, 2)
    dead = text.replace(three[1].url, f"http://127.0.0.1:{free_port()}/w")
    ours = Ours(sqlite_log, client, dead)
    await ours.grow(3)
    assert (await ours.ask())["w1.example"] == "witness_unavailable"
    ours.witnessing = Ours(sqlite_log, client, text).witnessing
    assert (await ours.ask())["w1.example"] == "ok"
    assert three[1].key.vkey in cosigned((await ours.published.served()).note, [three[1].key.vkey])


@pytest.mark.parametrize("lie", ["wrong key", "stale", "too early", "too late"])
async def test_a_false_cosignature_is_not_kept(sqlite_log, three, client, lie):
    """Of another key, of an older checkpoint, or dated away from our clock."""
    ours = Ours(sqlite_log, client, policy_of(three, 3))
    await ours.grow(3)
    await ours.ask()
    old = await three[1].witness.checkpoint(log_id(ORIGIN))
    lines = "".join(signature.line for signature in split_note(old)[1][1:])

    async def other_key(body: bytes) -> Response:
        text, _ = split_note(body.decode().partition("\n\n")[2])
        return PlainTextResponse(KEYS[3].cosign(text, NOW // 1000))

    behaviours: dict[str, Behaviour] = {"wrong key": other_key, "stale": always(lambda: PlainTextResponse(lines))}
    three[1].post = behaviours.get(lie)
    three[1].now += {"too early": -301_000, "too late": 301_000}.get(lie, 0)
    before = (await ours.published.served()).size
    newest = await ours.grow(2)
    assert (await ours.ask())["w1.example"] == "witness_answer_invalid"
    assert (await ours.published.served()).size == before < newest.size


async def test_lines_of_other_keys_beside_its_own_are_passed_over(sqlite_log, three, client):
    """A witness that signs with two keys is believed by the one we know; of two dates the earlier is kept."""
    ours = Ours(sqlite_log, client, policy_of(three, 3))

    async def several(body: bytes) -> Response:
        text, _ = split_note(body.decode().partition("\n\n")[2])
        return PlainTextResponse(
            KEYS[3].cosign(text, NOW // 1000) + "".join(KEYS[1].cosign(text, NOW // 1000 + late) for late in (9, 0))
        )

    three[1].post = several
    await ours.grow(3)
    await ours.ask()
    note = (await ours.published.served()).note
    assert KEYS[3].vkey.name not in note
    assert cosigned(note, [KEYS[1].vkey]) == {KEYS[1].vkey: NOW // 1000}
    assert note.count(KEYS[1].vkey.name) == 1


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


@pytest.fixture
async def restored(sqlite_log, three, client, tmp_path) -> AsyncIterator[Ours]:
    """A backup of four entries, started while the witnesses have cosigned seven."""
    before = Ours(sqlite_log, client, policy_of(three, 2))
    await before.grow(3)
    await before.ask()
    backup = copy_of(sqlite_log, tmp_path / "backup")
    await before.grow(3)
    assert set((await before.ask()).values()) == {"ok"}
    yield Ours(backup, client, policy_of(three, 2))
    await backup.database.close()


async def test_a_restored_backup_is_caught_at_start(restored, caplog):
    """Before anything is signed: the witnesses show our own signature on a larger head."""
    await restored.witnessing.compare()
    assert set(restored.codes().values()) == {"log_contradicted"}
    assert {type(error) for error in restored.held} == {LogContradicted}
    assert "log_contradicted" in caplog.text
    with pytest.raises(LogContradicted):
        await restored.publisher.publish_once(NOW)


async def test_on_hold_no_data_leaves_but_everything_is_written(restored):
    """Withdrawals must not wait for the operator; releases must."""
    await restored.witnessing.compare()
    async with restored.log.journal() as journal:
        journal.hold(restored.held[0])
        assert await journal.append(linked())
        with pytest.raises(ReleaseStopped, match="contradicted"):
            await journal.append(linked(release=True))


async def test_a_restored_backup_is_caught_when_it_asks(restored, three):
    """Witnesses that show nothing at start answer 409 with a larger size to the first question."""
    for one in three:
        one.get = always(lambda: PlainTextResponse("", 405))
    await restored.witnessing.compare()
    assert not restored.held
    assert set((await restored.ask()).values()) == {"contradiction_claimed"}
    assert len(restored.held) == 1


async def test_a_restored_backup_that_grew_past_the_witnesses_is_caught(restored, three):
    """Its head is larger than theirs, but does not continue it: they answer 422 and show why."""
    for key in ("w0.example", "w1.example", "w2.example"):
        restored.witnessing._sizes[key, ORIGIN] = 0  # as if started while nobody could be reached
    await restored.grow(9)
    assert set((await restored.ask()).values()) == {"log_contradicted"}
    assert restored.held


async def test_an_empty_log_under_the_old_key_is_caught(three, sqlite_log, client, tmp_path):
    """Everything lost but the keys: the witnesses remember."""
    before = Ours(sqlite_log, client, policy_of(three, 2))
    await before.grow(3)
    await before.ask()
    (tmp_path / "new").mkdir()
    async with open_database(f"sqlite:///{tmp_path}/new/journal.db") as database:
        await database.write(metadata.create_all)
        ours = Ours(make_log(database, tmp_path / "new"), client, policy_of(three, 2))
        await ours.witnessing.compare()  # nothing to compare with yet
        assert not ours.held
        async with ours.log.journal():
            await ours.witnessing.compare()
        assert ours.held


async def test_the_same_size_with_another_root_is_a_contradiction(restored):
    """Two of us, or a tail replaced: as many entries, not the same."""
    await restored.grow(3)
    await restored.witnessing.compare()
    assert restored.held


@pytest.mark.parametrize(("needed", "held"), [(2, False), (1, True)])
async def test_one_liar_cannot_stop_us_unless_he_is_a_quorum(sqlite_log, three, client, needed, held):
    """A larger size without our signature to show counts as its author does."""
    ours = Ours(sqlite_log, client, policy_of(three, needed))
    three[1].post = always(lambda: Response("999\n", 409, headers=SIZE))
    await ours.grow(3)
    assert await ours.ask() == {"w0.example": "ok", "w1.example": "contradiction_claimed", "w2.example": "ok"}
    assert bool(ours.held) is held


@pytest.mark.parametrize(
    "shown",
    [
        lambda: PlainTextResponse(
            sign_note(Checkpoint(ORIGIN, 99, b"\0" * 32).text(), Ed25519Signer(ORIGIN, b"\7" * 32))
        ),
        lambda: PlainTextResponse(sign_note(Checkpoint(f"{BASE}/2025", 99, b"\0" * 32).text(), LOG)),
        lambda: Response(b"\xff"),
        lambda: PlainTextResponse("x" * (MAX_ANSWER + 1)),
    ],
    ids=["another key", "another log", "rubbish", "oversize"],
)
async def test_evidence_that_does_not_hold_is_none(sqlite_log, three, client, shown):
    """Only our own signature under this origin proves anything."""
    ours = Ours(sqlite_log, client, policy_of(three, 2))
    await ours.grow(3)
    three[1].get = always(shown)
    await ours.witnessing.compare()
    assert ours.codes()["w1.example"] in {"witness_answer_invalid", "witness_unavailable"}
    assert not ours.held


async def test_another_process_may_be_faster(ours, three, client):
    """A witness that holds a newer checkpoint of ours than the one we sent is right, and so are we."""
    first = asyncio.Lock()

    class Behind(WitnessClient):
        async def post(self, url: str, body: bytes) -> Any:
            async with first:
                if not three[0].posts:
                    await ours.grow(5)
                    await ours.ask()
            return await super().post(url, body)

    await ours.grow(3)
    behind = Behind()
    other = ours.another(behind)
    await other.ask(NOW)
    await behind.close()
    assert not ours.held
    assert set(other.faults.values()) == {None}
    assert (await ours.published.served()).size == 9


async def test_closed_shards_are_cosigned_too(ours, three):
    """The last head of the old year and the first of the new, each a log of its own."""
    await ours.grow(3)
    ours.log.clock.now += 366 * 86_400_000
    for one in three:
        one.now = ours.log.clock.now
    await ours.grow(2)
    assert set((await ours.ask()).values()) == {"ok"}
    every = await ours.log.database.read(shards.every)
    assert [shard.origin for shard in every] == [ORIGIN, f"{BASE}/2027"]
    for shard in every:
        size, note = await ours.log.database.read(lambda c, shard=shard: attested.served(c, shard, quorum=True))
        assert size == shard.size
        assert len(cosigned(note, [one.key.vkey for one in three])) == 3


async def test_a_fault_with_one_shard_is_told_once(ours, three, caplog):
    """A witness that refuses the old year and cosigns the new one is faulty, not faulty and well by turns."""
    await ours.grow(3)
    ours.log.clock.now += 366 * 86_400_000
    for one in three:
        one.now = ours.log.clock.now

    async def new_year_only(body: bytes) -> Response:
        return PlainTextResponse("", 403) if b"/2026\n" in body else await three[1].honest(body)

    three[1].post = new_year_only
    for _ in range(3):
        await ours.grow(2)
        assert (await ours.ask())["w1.example"] == "witness_answer_invalid"
    assert caplog.text.count("w1.example: witness_answer_invalid") == 1
    assert cosigned((await ours.published.served()).note, [three[1].key.vkey])


async def test_release_stops_when_witnesses_are_missing_for_too_long(ours, three):
    """Four hours after the oldest entry without a quorum; appends never wait; it goes on when they are back."""
    hours = 3_600_000
    async with ours.log.journal(max_unwitnessed_ms=4 * hours, max_unpublished_ms=10**12) as journal:
        await journal.append(linked(release=True))
        await ours.publisher.publish_once(NOW)
        assert await journal.append(linked(release=True))
        ours.log.clock.now += 4 * hours
        assert await journal.append(linked(time=ours.log.clock(), release=True))
        ours.log.clock.now += 1
        assert await journal.append(linked(time=ours.log.clock()))
        with pytest.raises(ReleaseStopped, match="witnessed"):
            await journal.append(linked(time=ours.log.clock(), release=True))
        for one in three[:2]:
            one.now = ours.log.clock.now
        await ours.publisher.publish_once(ours.log.clock())
        await ours.ask()
        assert await journal.append(linked(time=ours.log.clock(), release=True))


async def test_asking_goes_on_after_any_failure(sqlite_log, three, client, caplog):
    """A database away is told once, and asked again; so is a witness."""
    ours = Ours(sqlite_log, client, policy_of(three, 2))
    await ours.grow(3)
    path = str(sqlite_log.database._path)
    os.rename(path, f"{path}.away")  # noqa: PTH104
    task = asyncio.create_task(ours.witnessing.run(sqlite_log.clock))
    await until(lambda: "cannot be asked" in caplog.text)
    await asyncio.sleep(0.1)
    assert caplog.text.count("cannot be asked: store_unavailable") == 1
    os.rename(f"{path}.away", path)  # noqa: PTH104
    await until(lambda: set(ours.codes().values()) == {"ok"})
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_bug_is_not_taken_for_a_fault_of_the_witness(sqlite_log, three, client, caplog):
    """What nobody foresaw is told by its class, and asking goes on."""

    class Broken(WitnessClient):
        async def post(self, url: str, body: bytes) -> Any:
            raise RuntimeError(url)

    ours = Ours(sqlite_log, client, policy_of(three, 2))
    await ours.grow(3)
    task = asyncio.create_task(ours.another(Broken()).run(sqlite_log.clock))
    await until(lambda: "cannot be asked: RuntimeError" in caplog.text)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert "127.0.0.1" not in caplog.text


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  what is waited for is told in no other way
            await asyncio.sleep(0.01)


async def test_cosignatures_cannot_be_removed(ours):
    """Append-only, like checkpoints."""
    await ours.grow(3)
    await ours.ask()
    for change in (audit_cosignature.delete(), audit_cosignature.update().values(line="x")):
        with pytest.raises((StoreUnavailable, sa.exc.IntegrityError)):
            await ours.log.database.write(lambda connection, change=change: connection.execute(change))
