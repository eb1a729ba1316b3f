"""The private parts of httpx that connectors/ relies on: read this when httpx's minor version changes (ADR 0004)."""

import asyncio
import inspect

import aiohttp
import httpcore
import httpx
import pytest

from connectors.http import PartnerTransport
from connectors.pool import AiohttpPool, _named
from connectors.request import Endpoint
from tests.unit.connectors.servers import answer, serve


def test_httpx_is_the_minor_version_that_was_checked():
    """A new minor version is checked by hand, then written here and in pyproject.toml."""
    assert httpx.__version__.startswith("0.28.")


def test_the_transport_keeps_its_connections_under_the_private_name_that_is_replaced():
    """Httpx sends through `_pool` and nothing else, and closes it."""
    assert "self._pool.handle_async_request(req)" in inspect.getsource(httpx.AsyncHTTPTransport.handle_async_request)
    assert "self._pool.aclose()" in inspect.getsource(httpx.AsyncHTTPTransport.aclose)


def test_the_method_that_pytest_httpx_replaces_is_httpx_own():
    """Overriding it would take the connectors out of pytest-httpx's hands."""
    assert PartnerTransport.handle_async_request is httpx.AsyncHTTPTransport.handle_async_request


async def test_pytest_httpx_intercepts_the_transport(httpx_mock):
    """The tests of the connectors rest on this."""
    httpx_mock.add_response(json={"a": 1})
    transport = PartnerTransport(AiohttpPool())
    response = await transport.handle_async_request(httpx.Request("GET", "https://nowhere.example/"))
    assert await response.aread() == b'{"a":1}'


@pytest.mark.parametrize(
    ("query", "segment"),
    [("", ""), ("a=1&b=%C3%A9%20%26", ""), ("", "3f2b8a52-6c1d"), ("page=2", "x")],
)
def test_an_address_completed_in_place_equals_one_that_was_parsed(query, segment):
    """`Endpoint` writes to the private `_uri_reference`: the result is what httpx's own parser makes."""
    made = Endpoint("GET", "https://ft.example/partenaire/v1").request([], query=query, segment=segment).url
    text = "https://ft.example/partenaire/v1" + (f"/{segment}" if segment else "") + (f"?{query}" if query else "")
    parsed = httpx.URL(text)
    assert made == parsed
    assert (made.raw_path, made.netloc, made.raw_host, made.port) == (
        parsed.raw_path,
        parsed.netloc,
        parsed.raw_host,
        parsed.port,
    )


async def test_an_ordinary_httpx_client_works_on_the_transport():
    """The httpx API is kept whole: an integrator may use `httpx.AsyncClient` on it, time-outs included."""
    async with (
        serve(lambda request: answer(request.split(b"\r\n\r\n", 1)[1])) as server,
        httpx.AsyncClient(transport=PartnerTransport(AiohttpPool()), timeout=2.0) as client,
    ):
        response = await client.post(f"{server.url}/echo", json={"é": [1]})
    assert response.status_code == 200
    assert response.json() == {"é": [1]}
    assert b"\r\nContent-Type: application/json\r\n" in server.requests[0]


async def test_the_time_outs_of_an_httpx_client_hold():
    """An AsyncClient's own read time-out is kept by aiohttp."""

    async def hang(_reader, _writer):
        await asyncio.sleep(60)

    async with (
        serve(lambda _: hang) as server,
        httpx.AsyncClient(transport=PartnerTransport(AiohttpPool()), timeout=0.1) as client,
    ):
        with pytest.raises(httpx.ReadTimeout):
            await client.get(server.url)


@pytest.mark.parametrize(
    ("error", "translated"),
    [
        (aiohttp.ConnectionTimeoutError("SECRET"), httpcore.ConnectTimeout),
        (aiohttp.SocketTimeoutError("SECRET"), httpcore.ReadTimeout),
        (aiohttp.ServerDisconnectedError("SECRET"), httpcore.ReadError),
        (aiohttp.ClientPayloadError("SECRET"), httpcore.ReadError),
        (aiohttp.InvalidURL("http://SECRET"), httpcore.ConnectError),
        (ConnectionResetError("SECRET"), httpcore.ReadError),
    ],
)
def test_every_error_of_aiohttp_has_its_httpx_error(error, translated):
    """By class, with a code for its text."""
    named = _named(error)
    assert type(named) is translated
    assert "SECRET" not in str(named)


@pytest.mark.parametrize(
    ("url", "error"),
    [("http://127.0.0.1:1/", httpx.ConnectError), ("ftp://127.0.0.1/", httpx.HTTPError)],
)
async def test_errors_are_httpx_errors_without_address(url, error):
    """A library's error may hold an address and its query: ours holds a code, and chains nothing that does."""
    async with PartnerTransport(AiohttpPool()) as transport:
        with pytest.raises(error) as raised:
            await transport.handle_async_request(httpx.Request("GET", f"{url}?nom=SECRET"))
    caught = raised.value
    seen = []
    while caught is not None:
        seen.append(str(caught))
        caught = caught.__cause__ or caught.__context__
    assert not any("SECRET" in text or "127.0.0.1" in text for text in seen)
