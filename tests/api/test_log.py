"""The journal over HTTP, as other people's tools read it: for whom, what, and what it costs to read entries."""

import asyncio
import gzip
import json
from typing import Any

import httpx
import pytest
from tlog_scales.backend import HttpBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey as TheirVkey
from tlog_scales.signing import VkeySet

from audit import proofs
from audit.checkpoint import open_checkpoint
from audit.journal import Draft
from audit.layout import tile_path, tiles_of, unpack
from audit.merkle import leaf_hash
from gateway.app import build_app
from tests.api.conftest import World, check_problem
from tests.bed import served

pytestmark = pytest.mark.asyncio(loop_scope="session")
READER = "caf-brume"


async def fill(world: World, size: int) -> int:
    """Bring the log to at least that many entries, and publish; gives the size that is served."""
    services = world.bed.services
    now = services.clock()
    missing = size - await world.bed.size()
    entry = {"type": "catalogue.activated", "members": {"catalogue": "c" * 64}, "time": now}
    await asyncio.gather(*(services.journal.append(Draft(**entry)) for _ in range(missing)))
    return await publish(world)


async def publish(world: World) -> int:
    await world.bed.services.publisher.publish_once(world.bed.services.clock())
    return (await world.bed.services.log.served()).size


async def get(world: World, path: str, *, token: str | None = None, method: str = "GET", **headers: str) -> Any:
    token = world.machines[READER] if token is None else token
    sent = {"Authorization": f"Bearer {token}"} if token else {}
    return await world.bed.http.request(method, path, headers=sent | headers)


async def reads(world: World) -> list[dict[str, Any]]:
    return [entry for entry in await world.bed.journal() if entry["type"] == "log.read"]


def vkey(world: World) -> Any:
    return world.bed.services.keys.log.vkey


async def test_somebody_elses_tool_reads_and_verifies_the_log_over_http(each_world: World) -> None:
    """tlog-scales: signature, root from hash tiles, inclusion of entries, over a real socket; also under the year."""
    await fill(each_world, 600)
    token = await each_world.bed.token(READER, professional=None)
    log = each_world.bed.services.log

    def read(url: str) -> int:
        backend = HttpBackend(url)
        backend.session.headers["Authorization"] = f"Bearer {token}"
        with backend.session:
            reader = TilesReader(backend)
            checkpoint = reader.get_checkpoint()
            name = TheirVkey.from_string(str(vkey(each_world).named(checkpoint.origin)))
            assert VkeySet(name).verify(checkpoint.signatures, checkpoint)
            assert reader.calculate_root_hash() == checkpoint.root_hash
            for index in (0, 255, 256, checkpoint.size - 1):
                proof = reader.get_inclusion_proof(index, checkpoint.size)
                proof.check(leaf_hash(reader.get_entry(index)), checkpoint.root_hash)
            return int(checkpoint.size)

    async with served(build_app(each_world.bed.services)) as url:
        for prefix in ("/log", f"/log/{(await log.served()).shard.origin[-4:]}"):
            assert await asyncio.to_thread(read, url + prefix) == (await log.served()).size


async def test_every_part_of_the_served_log_is_there_and_nothing_beyond(world: World) -> None:
    """Each tile of the served size, whole or partial; what a later checkpoint will cover is not told yet."""
    size = await fill(world, 520)
    await world.bed.services.journal.append(
        Draft(type="catalogue.activated", members={"catalogue": "c" * 64}, time=world.bed.services.clock())
    )
    for level, index, width in tiles_of(size):
        answer = await get(world, f"/log/{tile_path(level, index, width)}")
        assert (answer.status_code, len(answer.content)) == (200, 32 * width)
        assert answer.headers["content-type"] == "application/octet-stream"
        assert "immutable" in answer.headers["cache-control"]
    last, rest = divmod(size, 256)
    beyond = [tile_path(0, last, rest + 1), tile_path(0, last), tile_path(1, 0), tile_path(7, 0, 1)]
    for path in (*beyond, tile_path(None, last, rest + 1), tile_path(None, last), tile_path(None, 1234067)):
        check_problem(await get(world, f"/log/{path}"), 404, "not_published")
    check_problem(await get(world, f"/log/entries/{size}/receipt"), 404, "not_published")


async def test_partial_tiles_of_earlier_sizes_are_served_for_ever(world: World) -> None:
    """C2SP tlog-tiles: whoever saw a smaller checkpoint can still fetch what it needs."""
    await fill(world, 300)
    whole = (await get(world, "/log/tile/0/000")).content
    for width in (1, 100, 255):
        assert (await get(world, f"/log/tile/0/000.p/{width}")).content == whole[: 32 * width]
    bundle = (await get(world, "/log/tile/entries/000.p/3")).content
    assert [leaf_hash(leaf) for leaf in unpack(bundle)] == [whole[at : at + 32] for at in (0, 32, 64)]


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/0", "tile/0/0000", "tile/00/000", "tile/64/000", "tile/-1/000", "tile/0/x000/000", "tile/0/000.p/0",
        "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/x", "tile/entries/", "tile/", "tile/0/%2e%2e", "nothing",
        "entries/01/receipt", "entries/-1/receipt", "entries/x/receipt", "entries/٣/receipt", "20x6/checkpoint",
        "../v1/x", "2026/keys", "entries/0",
    ],
)  # fmt: skip
async def test_an_address_that_is_no_part_of_a_log_is_not_found(world: World, path: str) -> None:
    """One name per tile and per entry; anything else is 404, whoever asks."""
    check_problem(await get(world, f"/log/{path}"), 404, "not_found")


async def test_a_year_that_never_was_is_not_published(world: World) -> None:
    """And no other code than for a size that is not there yet."""
    await fill(world, 2)
    for path in ("checkpoint", "tile/0/000", "tile/entries/000", "entries/0/receipt"):
        check_problem(await get(world, f"/log/1999/{path}"), 404, "not_published")


async def test_a_million_and_more_is_written_in_groups_of_three(world: World) -> None:
    """The form of the norm, x001/x234/067, is the one that is understood."""
    await fill(world, 2)
    check_problem(await get(world, "/log/tile/0/x001/x234/067"), 404, "not_published")
    check_problem(await get(world, "/log/tile/0/001/234/067"), 404, "not_found")


PATHS = ["checkpoint", "keys", "tile/1/000.p/1", "entries/0/receipt", "tile/entries/000"]


@pytest.mark.parametrize("path", PATHS)
async def test_nobody_reads_without_a_token(world: World, path: str) -> None:
    """Not even a checkpoint: every reader is a registered partner."""
    await fill(world, 300)
    check_problem(await get(world, f"/log/{path}", token=""), 401, "invalid_token")
    check_problem(await get(world, f"/log/{path}", token="x.y.z"), 401, "invalid_token")


@pytest.mark.parametrize("path", PATHS)
async def test_only_entries_need_the_scope_for_entries(world: World, path: str) -> None:
    """Hashes and heads tell nothing about anybody; entries do, to whoever holds other things."""
    await fill(world, 300)
    token = await world.bed.token(READER, scopes=["data:rsa"], professional=None)
    answer = await get(world, f"/log/{path}", token=token)
    if "entries/000" in path:
        check_problem(answer, 403, "insufficient_scope")
        assert 'scope="log:entries"' in answer.headers["www-authenticate"]
    else:
        assert answer.status_code == 200


async def test_the_checkpoint_is_a_note_of_the_log_that_is_not_kept_for_long(world: World) -> None:
    """Text, cached for seconds, opened with the log's key."""
    size = await fill(world, 2)
    answer = await get(world, "/log/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "private, max-age=2"
    origin = answer.text.split("\n")[0]
    assert open_checkpoint(answer.text, vkey(world).named(origin)).size == size


async def test_a_receipt_is_a_tlog_proof_and_the_same_as_json(each_world: World) -> None:
    """What it says holds for the entry at that index, for no other, and for the served checkpoint."""
    size = await fill(each_world, 400)
    entries = unpack((await get(each_world, "/log/tile/entries/001.p/100")).content)
    for index in (0, 1, 255, 256, 300, size - 1):
        answer = await get(each_world, f"/log/entries/{index}/receipt")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        proof = proofs.parse(answer.text)
        same = await get(each_world, f"/log/entries/{index}/receipt", Accept="application/json")
        assert (proof.index, same.json()["index"], same.json()["checkpoint"]) == (index, index, proof.note)
        key = vkey(each_world).named(proof.note.split("\n")[0])
        if 256 <= index < 356:
            assert proofs.verify(proof, leaf_hash(entries[index - 256]), key).size == size
            with pytest.raises(proofs.ProofInvalid):
                proofs.verify(proof, leaf_hash(entries[index - 255]), key)
        assert "entry" not in same.json()


async def test_every_reading_of_entries_is_in_the_journal_before_they_leave(each_world: World) -> None:
    """One entry for what one token reads of one span: who, of which log, from where to where; no more for repeats."""
    await fill(each_world, 600)
    before = await reads(each_world)
    token = await each_world.bed.token(READER, professional=None)
    for path in ("000", "001", "000", "002.p/7", "000.p/9"):
        assert (await get(each_world, f"/log/tile/entries/{path}", token=token)).status_code == 200
    [entry] = (await reads(each_world))[len(before) :]
    origin = (await each_world.bed.services.log.served()).shard.origin
    assert {name: entry[name] for name in ("org", "what", "log", "first", "end")} == {
        "org": READER, "what": "bundles", "log": origin, "first": 0, "end": 65_536,
    }  # fmt: skip
    assert "actor" not in entry
    lise = await each_world.bed.token(READER)
    await asyncio.gather(*(get(each_world, "/log/tile/entries/000", token=lise) for _ in range(4)))
    [_, by_lise] = (await reads(each_world))[len(before) :]
    assert len(by_lise["actor"]) == 32


async def test_a_head_gives_the_headers_and_reads_nothing(world: World) -> None:
    """HEAD answers as GET would, without a body, and leaves no entry."""
    await fill(world, 300)
    before = await reads(world)
    token = await world.bed.token(READER, professional=None)
    for path in ("checkpoint", "keys", "tile/0/000", "tile/entries/000", "entries/7/receipt"):
        head = await get(world, f"/log/{path}", method="HEAD", token=token, **{"Accept-Encoding": "identity"})
        assert (head.status_code, head.content) == (200, b"")
        if path != "tile/entries/000":
            assert head.headers["content-length"] == str(len((await get(world, f"/log/{path}", token=token)).content))
    assert await reads(world) == before
    check_problem(await get(world, "/log/checkpoint", method="DELETE"), 405, "method_not_allowed")


async def test_entries_do_not_leave_when_their_reading_cannot_be_written(world: World) -> None:
    """The proof before the answer: with the journal closed nothing of the log's entries leaves."""
    await fill(world, 300)
    services = world.bed.services
    token = await world.bed.token(READER, professional=None)
    closing, services.journal._closing = services.journal._closing, True
    try:
        check_problem(await get(world, "/log/tile/entries/000", token=token), 503, "journal_unavailable")
    finally:
        services.journal._closing = closing
    assert (await get(world, "/log/tile/entries/000", token=token)).status_code == 200


async def test_entries_are_compressed_for_those_who_can_read_it(world: World) -> None:
    """C2SP tlog-tiles: at the HTTP layer, the same bytes underneath."""
    await fill(world, 300)
    plain = await get(world, "/log/tile/entries/000", **{"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    token = world.machines[READER]
    packed = httpx.Request("GET", "http://x")  # httpx would unpack it: look at the raw bytes
    async with world.bed.http.stream(
        "GET", "/log/tile/entries/000", headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip"}
    ) as answer:
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert packed.method == "GET"
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content)


async def test_the_public_keys_are_there_for_every_use(world: World) -> None:
    """Log and receipts, each with its time in force."""
    answer = await get(world, "/log/keys")
    assert answer.headers["content-type"] == "application/json"
    uses = {key["use"]: key for key in json.loads(answer.content)["keys"]}
    assert uses["log"]["key"] == str(vkey(world))
    assert uses["receipt"]["key"] == str(world.bed.services.keys.receipt.vkey)
    assert uses["log"]["until"] is None
