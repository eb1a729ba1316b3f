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
from typing import Any, Self

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
    settings: Settings
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
def gateway(home: Path, *, program: tuple[str, ...] = ("gateway", "serve"), **settings: Any) -> Iterator[Gateway]:
    """Start one on this machine, by http, with its sources nowhere; `program` is a module and its arguments."""
    home.mkdir(parents=True, exist_ok=True)
    sources = home / "sources.yaml"
    sources.write_text(yaml.safe_dump(sandbox.sources("http://127.0.0.1:1")), "utf-8")
    port = free_port(0)
    known = Settings(home=home, sources=sources, public_url=f"http://127.0.0.1:{port}", port=port, **settings)
    with Processes(known, {"gateway": port}) as processes:
        made = Gateway(issuer=known.public_url, home=home, settings=known, processes=processes)
        made.passerelle("database", "migrate")
        processes.start("gateway", *program[1:], module=program[0])
        _wait(known.public_url, home / "gateway.log")
        yield made


class Client:
    """A client of npm in a process of its own: `ask` lets it go one step, and gives what the library gave or raised."""

    def __init__(self, library: str, where: Gateway, partner: Partner) -> None:
        program = shutil.which("node")
        if program is None or not (INSTALLED / "node_modules" / library).is_dir():
            pytest.fail(f"{library} is missing: `make .venv/foreign/.ready` installs it (it needs node 20 and npm)")
        command = [program, HERE / f"{library}.mjs", INSTALLED]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        about = {"issuer": where.issuer, "client": partner.name, "kid": partner.kid, "key": partner.der}
        self._say({**about, "dpop": partner.dpop})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=20)

    def ask(self, *step: Any) -> dict[str, Any]:
        """One step."""
        self._say(step)
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        assert answer, self._process.communicate(timeout=20)[1]
        return json.loads(answer)

    def _say(self, content: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(content) + "\n")
        self._process.stdin.flush()


def _wait(url: str, log: Path) -> None:
    for _ in range(600):
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"{url}/livez")
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text("utf-8"))
