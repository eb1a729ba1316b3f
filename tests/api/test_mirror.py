"""A mirror over HTTP with a partner's token: it grows by timer, verifies what it takes, and leaves its trace."""

import httpx
import pytest

from audit.errors import MirrorRefused, NotPublished, Pruned
from audit.evidence import verify_paths
from audit.trust import Trust
from gateway.app import build_app
from gateway.copies import RemoteLog, mirror
from tests.api.conftest import World
from tests.api.test_log import READER, fill, reads
from tests.bed import served

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_mirror_follows_a_gateway_over_http(each_world: World, tmp_path) -> None:
    """Twice, with a new token each time; each run leaves one entry; the copy verifies."""
    trust = Trust((each_world.bed.services.keys.log.vkey,))
    token = tmp_path / "token"
    async with served(build_app(each_world.bed.services)) as url:
        for size in (300, 700):
            await fill(each_world, size)
            before = len(await reads(each_world))
            token.write_text(await each_world.bed.token(READER, professional=None))
            head = await mirror(tmp_path / "mirror", url=f"{url}/log", token=token, trust=trust)
            assert head.size >= size
            assert len(await reads(each_world)) == before + 1
            [report] = verify_paths([tmp_path / "mirror"], trust)
            assert report.ok, report.lines()


async def test_a_token_that_ended_is_read_again_from_its_file(world: World, tmp_path) -> None:
    """A mirror takes longer than a token lives: whoever renews the file keeps it going."""
    await fill(world, 300)
    token = tmp_path / "token"
    token.write_text("ended")
    async with served(build_app(world.bed.services)) as url, httpx.AsyncClient() as http:
        remote = RemoteLog(http, f"{url}/log/", token)
        with pytest.raises(MirrorRefused, match="401"):
            await remote.note(None)
        token.write_text(await world.bed.token(READER, professional=None))
        assert (await remote.note(None)).startswith(world.bed.services.journal.origin)
        with pytest.raises(NotPublished):
            await remote.note("1999")
        token.unlink()
        remote = RemoteLog(http, f"{url}/log/", token)
        with pytest.raises(MirrorRefused, match="cannot be read"):
            await remote.note(None)


async def test_a_server_that_is_not_there_or_refuses_is_a_sentence(tmp_path) -> None:
    """No traceback, no part of an answer."""
    (tmp_path / "token").write_text("t")

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("000"):
            return httpx.Response(410)
        if request.url.path.endswith("keys"):
            return httpx.Response(302, headers={"Location": "https://elsewhere.example"})
        raise httpx.ConnectError("name of a host")

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        remote = RemoteLog(http, "https://gateway.example/log", tmp_path / "token")
        with pytest.raises(MirrorRefused, match="ConnectError"):
            await remote.note(None)
        with pytest.raises(Pruned):
            await remote.tile(None, None, index=0, width=256)
        with pytest.raises(MirrorRefused, match="302"):
            await remote.beside(None)
        assert await remote.beside("2025") == {}
