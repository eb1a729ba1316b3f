"""RFC 8705 over real TLS that the gateway ends itself."""

import asyncio
import contextlib
import ipaddress
import os
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from connectors import sandbox
from gateway.app import build_app
from gateway.connections import BoundedProtocol
from gateway.oauth.certificates import thumbprint
from gateway.oauth.client import make_assertion
from gateway.processes import free_port
from gateway.settings import Settings
from gateway.tls import TlsRefused, server_options
from tests.bed import Bed, bed, served, settings_of
from tests.unit.oauth.rfc8705.authority import Made, make

LOCAL = (x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost"))
NAME = "passerelle.ml-brume.example.org"


@dataclass
class Direct:
    """A gateway that ends TLS, and the certificates its partners may show."""

    bed: Bed
    url: str
    authority: Made
    alone: Made
    folder: Path
    settings: dict[str, Any]

    def client(self, shown: Made | None) -> httpx.AsyncClient:
        context = ssl.create_default_context(cadata=self.authority.certificate.public_bytes(Encoding.PEM).decode())
        if shown is not None:
            context.load_cert_chain(*shown.write(self.folder, "client"))
        return httpx.AsyncClient(base_url=self.url, verify=context)

    async def token(self, http: httpx.AsyncClient, partner: str) -> httpx.Response:
        base = self.bed.services.base_url
        made = make_assertion(self.bed.keys[partner], client_id=partner, issuer=base, now=self.bed.services.clock())
        form = {
            "grant_type": "client_credentials",
            "scope": "data:rsa",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": made,
        }
        return await http.post("/oauth/token", data=form)


@contextlib.asynccontextmanager
async def serving(app: Any, options: dict[str, Any]) -> AsyncIterator[str]:
    """With the very options of `passerelle serve`."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none", **options))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110  uvicorn tells it in no other way
        await asyncio.sleep(0.01)
    try:
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@pytest.fixture
async def direct(tmp_path: Path) -> AsyncIterator[Direct]:
    authority = make("Autorite de la Brume", authority=True)
    alone = make("CCAS")
    certificate, key = make("localhost", by=authority, names=LOCAL).write(tmp_path, "server")
    (tmp_path / "partners.pem").write_bytes(
        authority.certificate.public_bytes(Encoding.PEM) + alone.certificate.public_bytes(Encoding.PEM)
    )
    tls = {"tls_certificate": certificate, "tls_key": key, "tls_client_ca": str(tmp_path / "partners.pem")}
    async with (
        served(sandbox.build()) as institutions,
        bed(tmp_path, database_url=f"sqlite:///{tmp_path}/p.db", sandbox_url=institutions, **tls) as it,
    ):
        await it.partner("ml-brume", binding="mtls", certificates=[f"san_dns:{NAME}"])
        await it.partner("siae-brume", binding="mtls", certificates=[f"sha256:{thumbprint(alone.der)}"])
        await it.partner("caf-brume")
        settings = settings_of(tmp_path, database_url=f"sqlite:///{tmp_path}/p.db", sandbox_url=institutions, **tls)
        async with serving(build_app(it.services), server_options(settings)) as url:
            yield Direct(it, url, authority, alone, tmp_path, settings.model_dump())


async def test_a_certificate_of_the_authority_binds_the_token_to_itself(direct):
    """§3: the token opens the API over a connection with that certificate, and over no other."""
    ours = make("Passerelle", by=direct.authority, names=(x509.DNSName(NAME),))
    async with direct.client(ours) as http:
        answer = await direct.token(http, "ml-brume")
        assert answer.status_code == 200, answer.text
        bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert (await http.get("/v1/catalogue", headers=bearer)).status_code == 200
    other = make("Passerelle", by=direct.authority, names=(x509.DNSName(NAME),))  # same name, another certificate
    for shown in (other, None):
        async with direct.client(shown) as http:
            answer = await http.get("/v1/catalogue", headers=bearer)
            assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


async def test_a_certificate_nobody_but_the_partner_signed_is_known_by_its_thumbprint(direct):
    """§2.2: it stands in the file of those that are believed."""
    async with direct.client(direct.alone) as http:
        answer = await direct.token(http, "siae-brume")
        assert answer.status_code == 200, answer.text
        assert (await direct.token(http, "ml-brume")).json()["error"] == "invalid_client"


async def test_without_a_certificate_people_and_bearer_partners_still_come_in(direct):
    """It is asked for and not required; a partner registered for mTLS is told."""
    async with direct.client(None) as http:
        assert (await http.get("/livez")).status_code == 200
        assert (await direct.token(http, "caf-brume")).status_code == 200
        answer = await direct.token(http, "ml-brume")
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_a_certificate_of_an_unknown_authority_ends_the_connection(direct):
    """Nothing of HTTP is read over it."""
    stranger = make("Autorite inconnue", authority=True)
    async with direct.client(make("Passerelle", by=stranger, names=(x509.DNSName(NAME),))) as http:
        with pytest.raises(httpx.TransportError):
            await direct.token(http, "ml-brume")


async def test_the_proxys_header_is_refused_where_tls_ends_here(direct):
    """Nobody stands before the gateway: who writes `Client-Cert` is the client itself."""
    ours = make("Passerelle", by=direct.authority, names=(x509.DNSName(NAME),))
    async with direct.client(ours) as http:
        http.headers["Client-Cert"] = ":AAAA:"
        assert (await direct.token(http, "ml-brume")).json()["error"] == "invalid_client"


async def test_tls_1_1_is_not_spoken(direct):
    """RFC 9325 §3.1.1."""
    context = ssl.create_default_context(cadata=direct.authority.certificate.public_bytes(Encoding.PEM).decode())
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    async with httpx.AsyncClient(base_url=direct.url, verify=context) as http:
        with pytest.raises(httpx.TransportError):
            await http.get("/livez")


async def test_the_command_serves_tls_and_sees_the_certificate(direct):
    """`passerelle serve` as in production, with its own event loop: the certificate arrives all the same."""
    port = free_port(0)
    known = Settings(**{**direct.settings, "port": port})
    values = known.model_dump(mode="json", exclude_none=True)
    environment = os.environ | {f"PASSERELLE_{name.upper()}": str(value) for name, value in values.items()}
    ours = make("Passerelle", by=direct.authority, names=(x509.DNSName(NAME),))
    with (direct.folder / "serve.log").open("wb") as log:
        command = [sys.executable, "-m", "gateway", "serve"]
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log, env=environment)
    direct.url = f"https://127.0.0.1:{port}"
    try:
        async with direct.client(ours) as http:
            for _ in range(600):
                with contextlib.suppress(httpx.TransportError):
                    await http.get("/livez")
                    break
                assert process.returncode is None, (direct.folder / "serve.log").read_text()
                await asyncio.sleep(0.05)
            answer = await direct.token(http, "ml-brume")
            assert answer.status_code == 200, answer.text
            bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            assert (await http.get("/v1/catalogue", headers=bearer)).status_code == 200
    finally:
        process.terminate()
        await process.wait()


def test_files_that_cannot_be_used_stop_the_start(tmp_path):
    """With a sentence; the setting's other half is asked for, too."""
    settings = Settings(home=tmp_path, tls_certificate=f"{tmp_path}/none.crt", tls_key=f"{tmp_path}/none.key")
    with pytest.raises(TlsRefused, match="cannot be used"):
        server_options(settings)
    with pytest.raises(ValueError, match="go together"):
        Settings(home=tmp_path, tls_certificate="server.crt")
    with pytest.raises(ValueError, match="go together"):
        Settings(home=tmp_path, tls_client_ca="partners.pem")


def test_behind_a_proxy_nothing_of_tls_is_set_up(tmp_path):
    """Without files the gateway speaks HTTP to its proxy."""
    assert server_options(Settings(home=tmp_path)) == {"http": BoundedProtocol}
