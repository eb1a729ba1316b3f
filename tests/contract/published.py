"""The published contracts of the partners, where this checkout has them beside it.

They are not ours to copy: they are read from ../shared/partners, relative to the repository. Without that folder
every test that needs it says so and is skipped.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict

PARTNERS = Path(__file__).resolve().parents[2].parent / "shared" / "partners"
FOLDERS = ("api-particulier", "france-travail", "rdv-insertion")

needed = pytest.mark.skipif(
    not PARTNERS.is_dir(), reason="the published contracts (../shared/partners) are not beside this checkout"
)

# A status given as a kind stands for these.
_KINDS = {"2xx": (200, 201), "4xx": (400, 404), "4xx/5xx": (400, 404, 500, 503), "not published": (), None: ()}


@dataclass(frozen=True)
class Exchange:
    """One published exchange, or the half of it that is published."""

    folder: str
    file: str
    name: str
    request: Mapping[str, Any] = field(default_factory=dict)
    response: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.folder}/{self.file}: {self.name}"

    @property
    def statuses(self) -> tuple[int, ...]:
        status = self.response.get("status")
        return (status,) if isinstance(status, int) else _KINDS[status]

    @property
    def path(self) -> str:
        return httpx.URL(self.request["url"]).path if "url" in self.request else ""

    @property
    def body(self) -> Any:
        return self.response.get("body")


def exchanges(folder: str) -> list[Exchange]:
    """Every exchange of a folder's examples, none left out."""
    files = sorted((PARTNERS / folder / "examples").glob("*.json")) if PARTNERS.is_dir() else []
    return [one for file in files for one in _of(folder, file.stem, json.loads(file.read_text("utf-8")))]


def _of(folder: str, file: str, document: Mapping[str, Any]) -> Iterator[Exchange]:
    if "exchanges" not in document and "errors" not in document:
        yield Exchange(folder, file, "", document.get("request", {}), document.get("response", {}))
    for index, one in enumerate(document.get("exchanges", ())):
        name = f"{index} {one['name']}" + (f" ({one['case']})" if "case" in one else "")
        yield Exchange(folder, file, name, one.get("request", {}), one.get("response", {}))
    for index, one in enumerate(document.get("errors", ())):
        yield Exchange(folder, file, f"{index}", {}, {"status": one["status"], "body": one["body"]})


@cache
def description(name: str) -> OpenAPI:
    """A published OpenAPI description."""
    return OpenAPI.from_dict(document(name))


@cache
def document(name: str) -> dict[str, Any]:
    """The same, as it is written."""
    text = (PARTNERS / name).read_text("utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text) if name.endswith("yaml") else json.loads(text)
    return loaded


class Sent:
    """One of our requests, as openapi-core reads requests."""

    def __init__(self, request: httpx.Request) -> None:
        self.host_url = f"{request.url.scheme}://{request.url.host}"
        self.path = request.url.path
        self.method = request.method.lower()
        self.content_type = request.headers.get("content-type", "")
        self.body = request.content or None
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(request.url.params.multi_items()),
            header=Headers(request.headers.multi_items()),
        )


def must_be_valid(name: str, request: httpx.Request) -> None:
    """Fail unless the description called `name` allows `request`."""
    description(name).validate_request(Sent(request))


def must_equal(request: httpx.Request, published: Mapping[str, Any]) -> None:
    """Fail unless `request` is the published one, as far as that is written down."""
    url = httpx.URL(published["url"])
    assert request.method == published["method"]
    assert (request.url.scheme, request.url.host, request.url.path) == (url.scheme, url.host, url.path)
    assert request.url.raw_path.partition(b"?")[2] == url.raw_path.partition(b"?")[2] or "query" in published
    for header, value in published.get("headers", {}).items():
        assert request.headers.get(header) == value, header
    if "query" in published:
        assert sorted(request.url.params.multi_items()) == sorted(_items(published["query"]))
    if "form" in published:
        assert sorted(httpx.QueryParams(request.content.decode()).multi_items()) == sorted(published["form"].items())
    if "body" in published:
        assert json.loads(request.content) == published["body"]


def corrected(query: Mapping[str, Any]) -> dict[str, Any]:
    """The published query with the names of the description.

    Four RSA examples write `anneeDateDaissance` (and month and day), one of C2S `anneeNateNaissance`.
    """
    return {key.replace("Daissance", "Naissance").replace("Nate", "Date"): value for key, value in query.items()}


def _items(query: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in corrected(query).items():
        yield from ((key, str(one)) for one in (value if isinstance(value, list) else [value]))
