"""What a source call costs, by HTTP client, side by side in one run: `python -m bench.transport`.

Rows: plain httpx, an httpx client on our transport, httpx types given straight to our transport (what the
connectors do), raw aiohttp, and a whole `fetch` of the API Particulier connector. The server is a bare ASGI
application in a process of its own. Rounds are interleaved, so that what else runs on the machine hits every row;
medians are shown. Read the ratios.
"""

import asyncio
import contextlib
import gc
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence

import aiohttp
import httpx
import orjson
import uvloop

from connectors.api_particulier import build
from connectors.base import Ask, AskActor
from connectors.http import PartnerTransport
from connectors.pool import AiohttpPool
from connectors.request import Endpoint

BODY = orjson.dumps(
    {
        "data": {"est_beneficiaire": True, "avec_majoration": False, "date_debut_droit": "2025-11-01"},
        "links": {},
        "meta": {},
    }
)
PATH = "/v3/dss/revenu_solidarite_active/identite"
QUERY = (
    "recipient=99910000000014&nomNaissance=BRUMAIRE&prenoms%5B%5D=ZOE&anneeDateNaissance=1999&moisDateNaissance=3"
    "&jourDateNaissance=21&codeCogInseeCommuneNaissance=99001&codeCogInseePaysNaissance=99100&sexeEtatCivil=F"
)
TOKEN = "Bearer " + "x" * 400
CONCURRENCIES = (1, 16, 64)
ROUNDS = 7
CALLS = 600

Call = Callable[[], Awaitable[object]]


async def application(scope: dict, _receive: object, send: Callable[[dict], Awaitable[None]]) -> None:
    """The fast source: one constant answer."""
    if scope["type"] == "http":
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": BODY})


@contextlib.contextmanager
def source():  # noqa: ANN201  a context manager of this file only
    """The source in its own process; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ("--port", str(port), "--log-level", "error", "--no-access-log", "--lifespan", "off")
    server = subprocess.Popen([sys.executable, "-m", "uvicorn", "bench.transport:application", *options])
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.1):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


async def load(call: Call, *, concurrency: int, calls: int) -> tuple[float, float]:
    """Seconds and CPU seconds per call."""
    left = iter(range(calls))

    async def worker() -> None:
        for _ in left:
            await call()

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return (time.perf_counter() - wall) / calls, (time.process_time() - cpu) / calls


async def measure(base: str) -> None:
    """Print the table."""
    url = f"{base}{PATH}?{QUERY}"
    plain = httpx.AsyncClient(limits=httpx.Limits(max_connections=64, max_keepalive_connections=64))
    ours = PartnerTransport(AiohttpPool(limit=64))
    on_ours = httpx.AsyncClient(transport=PartnerTransport(AiohttpPool(limit=64)))
    raw = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64))
    options = {"concurrency": 64, "calls_per_second": 0}
    config = {
        "connector": "api_particulier",
        "base_url": base,
        "credentials": {"token": TOKEN[7:]},
        "options": options,
    }
    connector = build(config)
    endpoint = Endpoint("GET", base + PATH)
    headers = httpx.Headers(endpoint.headers(Authorization=TOKEN, Accept="application/json", User_Agent="bench"))
    pivot = (
        '{"birth_country":"99100","birth_date":"1999-03-21","birth_place":"99001","family_name":"BRUMAIRE",'
        '"given_names":["ZOE"],"sex":"F","usual_name":null}'
    )
    asked = Ask(
        fields=("rsa.beneficiary", "rsa.majoration", "rsa.since"),
        identifiers={"pivot": pivot},
        actor=AskActor(id="a", family_name="b", given_name="c"),
        recipient_siret="99910000000014",
    )
    sent = {"Authorization": TOKEN, "Accept": "application/json"}

    async def call_plain() -> object:
        return (await plain.get(url, headers=sent)).json()

    async def call_client_on_ours() -> object:
        return (await on_ours.get(url, headers=sent)).json()

    async def call_ours() -> object:
        _status, _headers, body = await ours.answer(endpoint.request(headers, query=QUERY))
        return orjson.loads(body)

    async def call_aiohttp() -> object:
        async with raw.get(url, headers=sent) as response:
            return orjson.loads(await response.read())

    async def call_connector() -> object:
        return await connector.fetch(asked, deadline=asyncio.get_running_loop().time() + 10)

    rows: dict[str, Call] = {
        "httpx.AsyncClient": call_plain,
        "httpx.AsyncClient on PartnerTransport": call_client_on_ours,
        "httpx types on PartnerTransport": call_ours,
        "aiohttp": call_aiohttp,
        "whole connector fetch": call_connector,
    }
    conditions()
    for concurrency in CONCURRENCIES:
        await table(rows, concurrency=concurrency)
    await plain.aclose()
    await ours.aclose()
    await on_ours.aclose()
    await raw.close()
    await connector.close()


async def table(rows: dict[str, Call], *, concurrency: int) -> None:
    """Every row at one concurrency, interleaved."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
    for name, call in rows.items():
        slow = concurrency > 1 and name == "httpx.AsyncClient"
        await load(call, concurrency=concurrency, calls=64 if slow else 200)
    for _ in range(ROUNDS):
        for name, call in rows.items():
            gc.collect()
            calls = CALLS // 4 if name == "httpx.AsyncClient" else CALLS
            taken[name].append(await load(call, concurrency=concurrency, calls=calls))
    cpu = {name: statistics.median(one[1] for one in rounds) * 1e6 for name, rounds in taken.items()}
    wall = {name: statistics.median(one[0] for one in rounds) for name, rounds in taken.items()}
    print(f"\nc={concurrency:<37} req/s   CPU µs   CPU / aiohttp   httpx / this")
    for name in rows:
        ratios = (cpu[name] / cpu["aiohttp"], cpu["httpx.AsyncClient"] / cpu[name])
        print(f"{name:<38} {1 / wall[name]:>7.0f} {cpu[name]:>8.0f} {ratios[0]:>15.2f} {ratios[1]:>14.1f}")


def conditions() -> None:
    """What the figures depend on."""
    versions: Sequence[str] = [f"{one.__name__} {one.__version__}" for one in (httpx, aiohttp, uvloop)]
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"Python {platform.python_version()}, {', '.join(versions)}, {machine}")
    print(f"loopback, {len(BODY)}-byte answer, {ROUNDS} interleaved rounds of {CALLS} calls, medians")


if __name__ == "__main__":
    with source() as address:
        uvloop.run(measure(address))
