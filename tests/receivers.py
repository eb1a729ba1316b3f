"""Receivers of signals over real sockets, well and badly behaved, and verifiers written from the norms alone."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import re
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

GOOD = b"HTTP/1.1 204 No Content\r\n\r\n"


def answer(status: int, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(slots=True)
class Got:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)


Script = Callable[[Got], bytes | None]
"""What to answer; None: nothing at all, the connection stays open."""


@dataclass(slots=True)
class Receiver:
    """What it was sent, and what it answers."""

    url: str = ""
    script: Script = lambda _: GOOD
    got: list[Got] = field(default_factory=list)
    at_once: int = 0
    most: int = 0
    pause: float = 0.0
    serving: set[Any] = field(default_factory=set)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def types(self) -> list[str]:
        return [each.event["type"] for each in self.got]

    @property
    def ids(self) -> list[str]:
        return [each.event["id"] for each in self.got]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.add(asyncio.current_task())
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                first, *lines = head.strip().split("\r\n")
                method, target, _ = first.split(" ")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                got = Got(method, target, headers, await reader.readexactly(int(headers.get("content-length", 0))))
                self.got.append(got)
                self.arrived.set()
                self.at_once += 1
                self.most = max(self.most, self.at_once)
                await asyncio.sleep(self.pause)
                said = self.script(got)
                self.at_once -= 1
                if said is None:
                    await reader.read()  # until the other side gives up
                    return
                writer.write(said)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            pass
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def receiving(
    script: Script = lambda _: GOOD, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", pause: float = 0.0
) -> AsyncIterator[Receiver]:
    """A receiver on this machine."""
    receiver = Receiver(script=script, pause=pause)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    receiver.url = f"{'https' if tls else 'http'}://{host}:{port}/signals?tool=suivi"
    try:
        yield receiver
    finally:
        server.close()
        for task in receiver.serving:
            task.cancel()
        await asyncio.gather(*receiver.serving)
        await server.wait_closed()


def holds_by_secret(got: Got, secret: str) -> bool:
    """Standard Webhooks, as its specification tells a receiver to do it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(
        version == "v1" and hmac.compare_digest(given, expected)
        for version, _, given in (each.partition(",") for each in got.headers["webhook-signature"].split())
    )


def holds_by_key(got: Got, keys: Mapping[str, Any], *, origin: str) -> list[str]:
    """RFC 9421 §3.2 and RFC 9530 §2 from their text; gives the components covered, or raises."""
    label, _, parameters = got.headers["signature-input"].partition("=")
    inner, values = re.fullmatch(r"\(([^)]*)\)(.*)", parameters).groups()
    named = dict(re.findall(r';([a-z]+)=("[^"]*"|[0-9]+)', values))
    covered = re.findall(r'"([^"]+)"', inner)
    derived = {"@method": got.method, "@target-uri": origin + got.target, "@path": got.target.partition("?")[0],
               "@authority": got.headers.get("host")}  # fmt: skip
    lines = [f'"{each}": {derived[each] if each.startswith("@") else got.headers[each]}' for each in covered]
    base = "\n".join([*lines, f'"@signature-params": {parameters}']).encode()
    key = next(each for each in keys["keys"] if each["kid"] == named["keyid"].strip('"'))
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "=="))
    signature = re.search(rf"{label}=:([^:]+):", got.headers["signature"]).group(1)
    public.verify(base64.b64decode(signature), base)
    if "content-digest" in covered:
        algorithm, _, digest = got.headers["content-digest"].partition("=")
        assert algorithm == "sha-256"
        assert base64.b64decode(digest.strip(":")) == hashlib.sha256(got.body).digest()
    return covered
