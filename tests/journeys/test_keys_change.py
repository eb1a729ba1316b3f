"""Keys that change while real processes run: ours on two of them at once, a partner's at the address it publishes."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from gateway.oauth.client import ClientKey, new_key, request_token
from gateway.processes import free_port
from gateway.services import wall_clock
from tests.foreign.gateway import Gateway, gateway
from tests.receivers import answer, receiving
from tests.unit.gateway.signals.test_addresses import certificate


@contextmanager
def second(where: Gateway) -> Iterator[str]:
    """Another process of the same gateway: same home, same database; gives its address."""
    port = free_port(0)
    values = where.settings.model_dump(mode="json") | {"port": port}
    environment = os.environ | {f"PASSERELLE_{name.upper()}": str(value) for name, value in values.items()}
    with (where.home / "second.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "gateway", "serve"], stdout=log, stderr=log, env=environment)
    try:
        for _ in range(600):
            try:
                httpx.get(f"http://127.0.0.1:{port}/livez")
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


async def token(where: Gateway, key: ClientKey, *, at: str = "") -> str:
    """A bearer token, from one of the processes."""
    async with httpx.AsyncClient(timeout=20) as http:
        sender: Any = _To(http, at or where.issuer)
        return await request_token(
            sender, key, client_id="ml-brume", issuer=where.issuer, scopes=["data:rsa"], now=wall_clock()
        )


class _To:
    """Sends what is meant for the issuer to one of its processes."""

    def __init__(self, http: httpx.AsyncClient, address: str) -> None:
        self._http = http
        self._address = address

    async def post(self, url: str, **more: object) -> httpx.Response:
        return await self._http.post(self._address + "/oauth" + url.partition("/oauth")[2], **more)


def kid(signed: str) -> str:
    return jwt.get_unverified_header(signed)["kid"]


def opens(address: str, signed: str) -> int:
    return httpx.get(f"{address}/v1/catalogue", headers={"Authorization": f"Bearer {signed}"}, timeout=20).status_code


def registered(where: Gateway, *options: str, binding: str = "bearer") -> ClientKey:
    """A partner of this gateway, by the command, with a key of ours."""
    key = new_key("first")
    file = where.home / "first.jwks.json"
    file.write_text(json.dumps(key.jwks()), "utf-8")
    given = options or ("--jwks", str(file))
    siret = ("--siret", "99900104300010")
    where.passerelle("partner", "add", "ml-brume", *siret, *given, "--scope", "data:rsa", "--binding", binding)
    return key


def test_two_processes_follow_a_rotation_without_a_restart(tmp_path: Path) -> None:
    """The next key is published by both at once; an exposed one is believed by neither from that moment on."""
    with gateway(tmp_path / "home") as where, second(where) as other:
        key = registered(where)
        former = asyncio.run(token(where, key))
        assert [opens(address, former) for address in (where.issuer, other)] == [200, 200]
        following = where.passerelle("key", "rotate", "token").splitlines()[0]
        for address in (where.issuer, other):
            published = [each["kid"] for each in httpx.get(f"{address}/oauth/jwks").json()["keys"]]
            assert published[:2] == [kid(former), following]
        assert kid(asyncio.run(token(where, key, at=other))) == kid(former)
        assert [opens(address, former) for address in (where.issuer, other)] == [200, 200]
        exposed = where.passerelle("key", "rotate", "token", "--exposed").splitlines()[0]
        for address, neighbour in ((where.issuer, other), (other, where.issuer)):
            assert opens(address, former) == 401
            fresh = asyncio.run(token(where, key, at=address))
            assert kid(fresh) == exposed
            assert opens(neighbour, fresh) == 200
        assert [each["state"] for each in json.loads(where.passerelle("key", "list", "token"))["keys"]] == ["signing"]


async def test_a_partner_changes_the_keys_it_publishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over TLS, by a real process; strangers' assertions make it ask once."""
    file, context = certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    key, stranger = new_key("published"), new_key("made-up")
    async with receiving(
        lambda _: answer(200, body=json.dumps(key.jwks()).encode()), tls=context, host="localhost"
    ) as publisher:
        running = gateway(tmp_path / "home", partner_keys_allow="localhost")
        where = await asyncio.to_thread(running.__enter__)
        try:
            await asyncio.to_thread(registered, where, "--jwks-uri", publisher.url)
            for _ in range(3):
                assert await token(where, key)
            assert len(publisher.got) == 1
            for number in range(5):
                with pytest.raises(httpx.HTTPStatusError):
                    await token(where, ClientKey(private=stranger.private, kid=f"made-up-{number}"))
            assert len(publisher.got) == 1
            assert await token(where, key)
        finally:
            await asyncio.to_thread(running.__exit__, None, None, None)
        output = (tmp_path / "home" / "gateway.log").read_text("utf-8")
    assert output.count('"event":"partner_keys_fetched"') == 1
    assert publisher.url not in output
