"""A whole gateway for tests: real database, real sandbox over real sockets, real tokens; only the clock can be ours."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
import uvicorn
import yaml

from audit.models import audit_entry, audit_head
from connectors import sandbox
from connectors.sandbox.people import Person
from connectors.sandbox.people import load as load_people
from consent.states import By
from gateway.app import build_app
from gateway.database import open_database
from gateway.oauth.client import ClientKey, new_key, request_token
from gateway.oauth.tokens import Professional
from gateway.partners import register
from gateway.schema import migrate
from gateway.services import Services, open_services, scopes, wall_clock
from gateway.settings import Settings

PERSON_HERSELF = By(kind="subject", channel="library", method="test")
LISE = Professional(id="conseiller-42", family_name="Marchand", given_name="Lise", role="conseiller", acr="eidas2")


def professional(role: str, *, acr: str | None = "eidas2") -> Professional:
    """Somebody of this role."""
    return Professional(id=f"{role}-7", family_name="Kerloc'h", given_name="Yann", role=role, acr=acr)


@contextlib.asynccontextmanager
async def served(app: Any, *, port: int = 0) -> AsyncIterator[str]:
    """Serve an ASGI application on a real socket of this machine; gives its address."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    config = uvicorn.Config(app, access_log=False, log_level="error", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110  uvicorn tells it in no other way
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def identifiers(person: Person) -> dict[str, Any]:
    """All that a partner could know of a person of the sandbox."""
    return {**person.identifiers, "pivot": person.pivot}


@dataclass(slots=True, kw_only=True)
class Bed:
    """A gateway, its HTTP client, one registered partner per call of `partner`."""

    services: Services
    http: httpx.AsyncClient
    sandbox: str
    people: Mapping[str, Person] = field(default_factory=load_people)
    keys: dict[str, ClientKey] = field(default_factory=dict)
    unused: Iterator[str] = field(default_factory=lambda: iter(()))
    """People whom nobody has linked yet, where a test module set them aside."""

    async def partner(
        self,
        name: str,
        *,
        scopes: Sequence[str] | None = None,
        batch_jobs: Sequence[str] = (),
        binding: str = "bearer",
        **more: Any,
    ) -> None:
        """Register an institution of the catalogue as a partner, with a key of its own."""
        self.keys[name] = new_key(f"{name}-1")
        await register(
            self.services,
            name=name,
            siret=self.services.catalogue.parties[name].siret,
            jwks=self.keys[name].jwks(),
            binding=binding,
            scopes=scopes or self.services.server.scopes_supported,
            batch_jobs=batch_jobs,
            **more,
        )

    async def token(
        self, name: str, *, scopes: Sequence[str] | None = None, professional: Professional | None = LISE
    ) -> str:
        """A token for it, by the real endpoint."""
        return await request_token(
            self.http,
            self.keys[name],
            client_id=name,
            issuer=self.services.base_url,
            scopes=scopes or self.services.server.scopes_supported,
            now=self.services.clock(),
            professional=professional,
        )

    async def link(self, token: str, person: str, *, reference: str | None = None) -> str:
        """Link a person of the sandbox; gives the pseudonym."""
        body = {"reference": reference or f"file-{person}", "identifiers": identifiers(self.people[person])}
        answer = await self.post("/v1/subjects", body, token)
        assert answer.status_code == 200, answer.text
        return answer.json()["pseudonym"]

    async def authorise(self, token: str, partner: str, pseudonym: str, purpose: str, **given: Any) -> str:
        """Ask for what the catalogue's line covers; when it rests on consent, the person says yes."""
        answer = await self.post(
            "/v1/authorisation-requests", {"subject": {"pseudonym": pseudonym}, "purpose": purpose}, token
        )
        assert answer.status_code == 201, answer.text
        body = answer.json()
        if body["state"] == "requested":
            subject = await self.subject(partner, pseudonym)
            fields = frozenset(given.get("fields", body["fields"]))
            await self.services.authorisations.give(
                body["id"],
                subject=subject,
                fields=fields,
                explicit=given.get("explicit", frozenset()),
                by=PERSON_HERSELF,
                now=self.services.clock(),
            )
        return body["id"]

    async def subject(self, partner: str, pseudonym: str) -> Any:
        """The person behind a pseudonym."""
        return await self.services.people.resolve(partner=partner, pseudonym=pseudonym)

    async def exchange(
        self, token: str, pseudonym: str, purpose: str, fields: Sequence[str], **more: Any
    ) -> httpx.Response:
        """One exchange."""
        headers = more.pop("headers", {})
        body = {"subject": {"pseudonym": pseudonym}, "purpose": purpose, "fields": list(fields), **more}
        return await self.post("/v1/exchanges", body, token, headers=headers)

    async def flag(self, partner: str, pseudonym: str, name: str) -> None:
        """Note a situation of the person."""
        subject = await self.subject(partner, pseudonym)
        await self.services.people.flag(subject, name, present=True, now=self.services.clock())

    async def journal(self, since: int = 0) -> list[dict[str, Any]]:
        """Every entry from `since` on, as the database holds it."""
        entries = sa.select(audit_entry.c.index, audit_entry.c.leaf).where(audit_entry.c.index >= since)
        ordered = entries.order_by(audit_entry.c.index)
        rows = await self.services.store.read(lambda connection: connection.execute(ordered).all())
        assert [index for index, _ in rows] == list(range(since, since + len(rows)))
        return [json.loads(leaf) for _, leaf in rows]

    async def size(self) -> int:
        """How many entries the journal holds."""
        size = sa.select(audit_head.c.size)
        return await self.services.store.read(lambda connection: connection.execute(size).scalar_one())

    async def post(
        self, path: str, body: Any, token: str | None, *, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """POST with a token."""
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.http.post(path, json=body, headers={**sent, **(headers or {})})


@contextlib.asynccontextmanager
async def bed(
    home: Path, *, database_url: str, sandbox_url: str, clock: Any = wall_clock, **settings: Any
) -> AsyncIterator[Bed]:
    """A gateway on this database, in front of this sandbox; no publisher runs beside it."""
    people = settings.pop("people", None) or load_people()
    known = settings_of(home, database_url=database_url, sandbox_url=sandbox_url, **settings)
    async with open_database(known.main_url) as store, open_database(known.keys_url) as key_store:
        await migrate(store, key_store)
    async with open_bed(known, sandbox_url=sandbox_url, clock=clock, people=people) as opened:
        yield opened


def settings_of(home: Path, *, database_url: str, sandbox_url: str, **settings: Any) -> Settings:
    """Settings of a gateway at home in this folder, in front of this sandbox or these `sources`."""
    sources = home / "sources.yaml"
    content = settings.pop("sources", None) or sandbox.sources(sandbox_url)
    sources.write_text(yaml.safe_dump(content), "utf-8")
    return Settings(
        home=home,
        database_url=database_url,
        keys_database_url=f"sqlite:///{home}/keys.db",
        sources=sources,
        exchange_deadline_seconds=settings.pop("deadline", 2.0),
        max_unpublished_seconds=settings.pop("max_unpublished_seconds", 3600),
        **settings,
    )


@contextlib.asynccontextmanager
async def open_bed(
    known: Settings, *, sandbox_url: str, clock: Any = wall_clock, people: Mapping[str, Person] | None = None
) -> AsyncIterator[Bed]:
    """A gateway on a database that has its tables already."""
    async with open_services(known, clock=clock) as services:
        transport = httpx.ASGITransport(app=build_app(services), raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url=services.base_url) as http:
            yield Bed(services=services, http=http, sandbox=sandbox_url, people=people or load_people())


__all__ = [
    "LISE",
    "PERSON_HERSELF",
    "Bed",
    "bed",
    "open_bed",
    "professional",
    "scopes",
    "served",
    "settings_of",
    "time",
]
