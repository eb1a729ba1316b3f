"""What can be loaded, and the ready requests it is loaded with."""

import asyncio
import json
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.population import WANTED, Population, query

_TOKEN_LASTS = 180.0
PURPOSES = {"one": "bench.one_call", "three": "bench.three_calls"}


@dataclass(slots=True, kw_only=True)
class Target:
    """One server that can be loaded. `family` is a database server whose CPU is told beside."""

    name: str
    port: int
    process: int
    home: Path
    family: int | None = None
    issuer: str = ""
    population: Population | None = field(default=None, repr=False)
    _written: dict[str, float] = field(default_factory=dict)

    def requests(self, scenario: str) -> Path:
        """The file of ready requests, with a token that lasts."""
        path = self.home / f"{self.name}-{scenario}.requests"
        if self.population is None:
            if not path.exists():
                prefix = {"direct": "/v3/dss/quotient_familial/identite"}.get(self.name, f"/{scenario}")
                _write(path, [_get(f"{prefix}?{query(number)}") for number in range(2_000)])
        elif time.monotonic() - self._written.get(scenario, -1e9) > _TOKEN_LASTS:
            self._written[scenario] = time.monotonic()
            token, purpose = asyncio.run(self.population.token(self.issuer)), PURPOSES[scenario]
            _write(path, [_post(token, purpose, each) for each in self.population.pseudonyms[purpose]])
        return path


def _write(path: Path, requests: Sequence[bytes]) -> None:
    path.write_bytes(b"".join(struct.pack("!I", len(each)) + each for each in requests))


def _get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer bench\r\n\r\n".encode()


def _post(token: str, purpose: str, pseudonym: str) -> bytes:
    body = json.dumps({"subject": {"pseudonym": pseudonym}, "purpose": purpose, "fields": WANTED})
    head = f"POST /v1/exchanges HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
