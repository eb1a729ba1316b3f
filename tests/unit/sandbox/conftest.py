"""One sandbox per test, on a clock the test moves, and the published contracts to compare with."""

import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import uvicorn
import yaml
from openapi_schema_validator import OAS30Validator

from connectors.sandbox import Application, build, credentials, people

PARTNERS = Path(__file__).parents[4] / "shared" / "partners"
NOON = 1_795_348_800_000  # 2026-11-22T12:00:00Z
SIRET = "99900001100018"


class MovingClock:
    """Integer milliseconds that a test advances."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture(scope="session")
def everybody() -> dict[str, people.Person]:
    return people.load()


@pytest.fixture
def edited(tmp_path: Path) -> Callable[..., Path]:
    """A directory with one person, after replacements in the file."""

    def edit(name: str, *changes: tuple[str, str]) -> Path:
        text = (people.DIRECTORY / f"{name}.yaml").read_text("utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        (tmp_path / f"{name}.yaml").write_text(text, "utf-8")
        return tmp_path

    return edit


@pytest.fixture
def sandbox(clock: MovingClock, everybody: dict[str, people.Person]) -> Application:
    return build(now=clock, people=everybody)


@pytest.fixture
async def client(sandbox: Application) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=sandbox)
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox.example") as opened:
        yield opened


@pytest.fixture(scope="session")
def served(everybody: dict[str, people.Person]) -> Iterator[str]:
    """The sandbox on a port of its own, as `passerelle sandbox` serves it."""
    server = uvicorn.Server(uvicorn.Config(build(people=everybody), port=0, log_level="critical", lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def known() -> Any:
    """The public credentials, by the names the tests use."""
    data = credentials()
    tokens = list(data["api-particulier"]["tokens"])
    clients = list(data["france-travail"]["clients"].items())
    agents = list(data["rdv-insertion"]["agents"].items())
    oidc = next(iter(data["franceconnect"]["clients"].items()))
    return SimpleNamespace(tokens=tokens, clients=clients, agents=agents, oidc=oidc)


@pytest.fixture(scope="session")
def published() -> Callable[[str], Any]:
    """A published file of ../shared/partners, parsed; the test is skipped where the folder is not."""

    @cache
    def read(name: str) -> Any:
        path = PARTNERS / name
        if not path.exists():
            pytest.skip("the published contracts (../shared/partners) are not beside this clone")
        text = path.read_text("utf-8")
        return yaml.safe_load(text) if path.suffix == ".yaml" else json.loads(text)

    return read


@pytest.fixture(scope="session")
def conforms(published: Callable[[str], Any]) -> Callable[[str, str, httpx.Response], None]:
    """Check an answer against the schema that a published OpenAPI file gives for its path and status."""

    def check(name: str, path: str, response: httpx.Response) -> None:
        document = published(name)
        operation = document["paths"][path][response.request.method.lower()]
        answer = operation["responses"][str(response.status_code)]
        [schema] = [content["schema"] for content in answer["content"].values()]
        errors = list(OAS30Validator(inlined(schema, document)).iter_errors(response.json()))
        assert not errors, [f"{list(error.absolute_path)}: {error.message}" for error in errors]

    return check


def inlined(schema: Any, document: Any) -> Any:
    """A schema without references, so that a plain validator reads it."""
    if isinstance(schema, list):
        return [inlined(part, document) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return inlined({**target, **{key: value for key, value in schema.items() if key != "$ref"}}, document)
    return {key: inlined(value, document) for key, value in schema.items()}


@pytest.fixture(scope="session")
def same_shape() -> Callable[[Any, Any], list[str]]:
    """The places where two documents differ by their keys or types; null fits every type."""
    return lambda ours, theirs: list(differences(ours, theirs, ""))


def differences(ours: Any, theirs: Any, path: str) -> Any:
    if ours is None or theirs is None:
        return
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() ^ theirs.keys()):
            yield f"{path}.{key}: {'ours only' if key in ours else 'theirs only'}"
        for key in sorted(ours.keys() & theirs.keys()):
            yield from differences(ours[key], theirs[key], f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list):
        for one in ours:
            if theirs:
                yield from differences(one, theirs[0], f"{path}[]")
    elif type(ours) is not type(theirs) and {type(ours), type(theirs)} != {int, float}:
        yield f"{path}: {type(ours).__name__} instead of {type(theirs).__name__}"


@pytest.fixture(scope="session")
def identity_query() -> Callable[..., list[tuple[str, str]]]:
    """The parameters API Particulier asks for, from a person's pivot identity."""

    def query(person: people.Person, **changes: str | None) -> list[tuple[str, str]]:
        year, month, day = person.pivot["birth_date"].split("-")
        values: dict[str, str | None] = {
            "recipient": SIRET,
            "nomNaissance": person.family_name,
            "anneeDateNaissance": year,
            "moisDateNaissance": month if month != "00" else None,
            "jourDateNaissance": day if day != "00" else None,
            "sexeEtatCivil": person.pivot["sex"],
            "codeCogInseePaysNaissance": person.pivot["birth_country"],
            "codeCogInseeCommuneNaissance": person.pivot["birth_place"],
        }
        values.update(changes)
        names = [("prenoms[]", name) for name in person.given_names]
        return names + [(key, value) for key, value in values.items() if value is not None]

    return query
