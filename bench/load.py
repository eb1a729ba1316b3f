"""The load: closed-loop clients on kept connections, as cheap as Python allows, in a process of its own.

    python -m bench.load   (one order per line on stdin, as JSON; one report per line on stdout)

An order names the port, a file of ready requests (4-byte length before each), the number of connections and the
seconds. Requests are drawn at random, or sent once each in order (`once`, with a count). An answer counts when its
status is 200 and its body holds `holds`.
"""

import asyncio
import json
import random
import struct
import sys
import time
from array import array
from pathlib import Path
from typing import Any

import uvloop


class Client(asyncio.Protocol):
    """One connection: the next request leaves when the answer to the last is whole."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._held = b""
        self._awaited = 0  # bytes of the answer under way; 0 while its head is not whole

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to write."""
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._run.connected(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """Whoever is measured must not hang up."""
        self._run.left(lost=self._awaited >= 0)

    def ask(self) -> None:
        """Send one request, or end."""
        self._held, self._awaited = b"", 0
        if self._run.over():
            self._awaited = -1
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(self._run.request())

    def data_received(self, data: bytes) -> None:
        """Count the answer when it is whole."""
        self._held = held = self._held + data if self._held else data
        if not self._awaited:
            end = held.find(b"\r\n\r\n")
            if end < 0:
                return
            head = held[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 : (head + b"\r\n").find(b"\r\n", at)]) if at >= 0 else 0
            self._awaited = end + 4 + length
        if len(held) >= self._awaited:
            self._run.answered(held, time.perf_counter() - self._began)
            self.ask()


class Run:
    """One measurement."""

    def __init__(self, order: dict[str, Any], requests: list[bytes]) -> None:
        self._requests = requests
        self._once = order.get("once", False)
        self._holds = order["holds"].encode()
        self._until = float("inf")
        self._seconds, self._most = order["seconds"], order.get("count") or 10**12
        self._clients: list[Client] = []
        self._open = 0
        self._sent = 0
        self._waits = array("d")
        self._refused: dict[str, int] = {}
        self._sample = ""
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connected(self, client: Client) -> None:
        """One more client is there."""
        self._clients.append(client)
        self._open += 1

    def begin(self) -> None:
        """All clients ask at once."""
        self._until = time.perf_counter() + self._seconds
        for client in self._clients:
            client.ask()

    def over(self) -> bool:
        """Whether no more is to be asked."""
        return self._sent >= self._most or time.perf_counter() >= self._until

    def request(self) -> bytes:
        """Any of the requests, or the next."""
        self._sent += 1
        if self._once:
            return self._requests[self._sent - 1]
        return self._requests[int(random.random() * len(self._requests))]  # noqa: S311  no secret

    def answered(self, answer: bytes, wait: float) -> None:
        """Judge one answer."""
        self._waits.append(wait)
        if answer[9:12] != b"200" or self._holds not in answer:
            self._refuse(answer[9:12].decode("latin-1"))
            self._sample = answer[-400:].decode("utf-8", "replace")

    def left(self, *, lost: bool) -> None:
        """One client is gone."""
        if lost:
            self._refuse("lost")
        self._open -= 1
        if not self._open and not self._done.done():
            self._done.set_result(None)

    def _refuse(self, kind: str) -> None:
        self._refused[kind] = self._refused.get(kind, 0) + 1

    async def report(self) -> dict[str, Any]:
        """When all are gone: how many, how long, how often not as wanted."""
        begin = time.perf_counter()
        cpu = time.process_time()
        self.begin()
        await self._done
        spent = time.perf_counter() - begin
        waits = sorted(self._waits)
        at = {name: waits[int(len(waits) * share)] * 1e3 for name, share in (("p50", 0.5), ("p99", 0.99))}
        busy = (time.process_time() - cpu) / spent
        told = {"refused": self._refused, "sample": self._sample}
        return {"count": len(waits), "seconds": spent, **at, "busy": busy, **told}


def ready(path: Path) -> list[bytes]:
    """The requests of a file."""
    content, requests, at = path.read_bytes(), [], 0
    while at < len(content):
        (length,) = struct.unpack_from("!I", content, at)
        requests.append(content[at + 4 : at + 4 + length])
        at += 4 + length
    return requests


async def carry_out(order: dict[str, Any], requests: list[bytes]) -> dict[str, Any]:
    """One order."""
    run = Run(order, requests)
    loop = asyncio.get_running_loop()
    for _ in range(order["clients"]):
        await loop.create_connection(lambda: Client(run), "127.0.0.1", order["port"])
    return await run.report()


def main() -> None:
    """Until stdin ends."""
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(uvloop.run(carry_out(order, ready(Path(order["requests"]))))), flush=True)


if __name__ == "__main__":
    main()
