"""A real `passerelle serve`, and partners made by `passerelle partner add`: what an outsider would have."""

import base64
import contextlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from connectors import sandbox
from gateway.processes import Processes, free_port
from gateway.settings import PACKAGED_CATALOGUE, Settings
from policies import catalogue

HERE = Path(__file__).parent
INSTALLED = Path(sys.prefix) / "foreign"
Step = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """What a partner holds."""

    name: str
    pem: Path
    kid: str
    dpop: bool

    @property
    def der(self) -> str:
        """The private key, PKCS 8, base64."""
        private = load_pem_private_key(self.pem.read_bytes(), None)
        return base64.b64encode(private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A running gateway and its command line."""

    issuer: str
    home: Path
    processes: Processes

    def passerelle(self, *arguments: str) -> str:
        """Run a command that works."""
        status, told = self.processes.run(*arguments)
        assert status == 0, told
        return told

    def partner(self, name: str, *options: str, binding: str = "dpop", scopes: tuple[str, ...] = ()) -> Partner:
        """Draw a key and register its partner, by the commands."""
        pem, public = self.home / f"{name}.pem", self.home / f"{name}.jwks.json"
        self.passerelle("partner", "key", str(pem), "--jwks", str(public))
        wanted = (part for scope in scopes or ("data:rsa", "data:c2s") for part in ("--scope", scope))
        siret = catalogue.load(PACKAGED_CATALOGUE).parties[name].siret
        self.passerelle(
            "partner", "add", name, "--siret", siret, "--jwks", str(public), "--binding", binding, *wanted, *options
        )
        [key] = json.loads(public.read_text("utf-8"))["keys"]
        return Partner(name=name, pem=pem, kid=key["kid"], dpop=binding == "dpop")

    def output(self) -> str:
        """What the server wrote."""
        return (self.home / "gateway.log").read_text("utf-8")


@contextlib.contextmanager
def gateway(home: Path, **settings: Any) -> Iterator[Gateway]:
    """Start one on this machine, by http, with its sources nowhere."""
    home.mkdir(parents=True, exist_ok=True)
    sources = home / "sources.yaml"
    sources.write_text(yaml.safe_dump(sandbox.sources("http://127.0.0.1:1")), "utf-8")
    port = free_port(0)
    known = Settings(home=home, sources=sources, public_url=f"http://127.0.0.1:{port}", port=port, **settings)
    with Processes(known, {"gateway": port}) as processes:
        made = Gateway(issuer=known.public_url, home=home, processes=processes)
        made.passerelle("database", "migrate")
        processes.start("gateway", "serve")
        _wait(known.public_url, home / "gateway.log")
        yield made


def node(library: str, where: Gateway, partner: Partner, *steps: Step) -> list[dict[str, Any]]:
    """Let a client of npm go these steps; each answers what the library gave, or what it raised."""
    program = shutil.which("node")
    if program is None or not (INSTALLED / "node_modules" / library).is_dir():
        pytest.fail(f"{library} is missing: `make .venv/foreign/.ready` installs it (it needs node 20 and npm)")
    asked = {
        "issuer": where.issuer,
        "client": partner.name,
        "kid": partner.kid,
        "key": partner.der,
        "dpop": partner.dpop,
        "steps": steps,
    }
    done = subprocess.run(
        [program, HERE / f"{library}.mjs", INSTALLED],
        input=json.dumps(asked), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def _wait(url: str, log: Path) -> None:
    for _ in range(600):
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"{url}/livez")
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text("utf-8"))
