"""Promise P5: what is pushed through every way in is nowhere in clear, in no file, log or dump."""

import asyncio
import base64
import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from connectors import sandbox
from connectors.sandbox.people import Person
from connectors.sandbox.people import load as load_people
from gateway.copies import export_log
from gateway.database import open_database
from gateway.oauth.client import request_token
from gateway.oauth.tokens import Professional
from gateway.processes import free_port
from gateway.schema import migrate
from gateway.services import open_services, wall_clock
from gateway.settings import Settings
from tests.bed import Bed, identifiers, served, settings_of
from tests.conftest import PostgresServer
from tests.crash.server import Server
from tests.factories import like

CORE = "Zzcanari"
YOUTH = "support.youth"
PROFESSIONAL = Professional(
    id=f"{CORE}-agent", family_name=f"{CORE}pro", given_name=f"{CORE}pre", role="conseiller", acr="eidas2"
)
FIELDS = ["rsa", "quotient_familial", "household", "registration", "rdv", "c2s"]


def somebody(number: int) -> Person:
    """A person whose every text is a canary, at the partners and at the sources."""
    base = like(
        load_people()["lucas-perrin"], number, given_names=[f"{CORE}prenom"], family_name=f"{CORE}nom{'AB'[number % 2]}"
    )
    base.numbers["ft_login"] = f"{CORE.lower()}.login.{number}"  # type: ignore[index]  # ours alone
    caf, work, dept = (dict(base.standings[name].data) for name in ("caf-brume", "ft-brume", "dept-brume"))
    caf["household"] = {**caf["household"], "address": f"5 IMPASSE {CORE.upper()}"}
    work["registration"] = {**work["registration"], "status": f"{CORE} statut"}
    dept["address"] = f"6 rue {CORE}"
    data = {"caf-brume": caf, "ft-brume": work, "dept-brume": dept}
    standings = {name: replace(standing, data=data[name]) for name, standing in base.standings.items()}
    return replace(base, standings=standings)


PEOPLE = {person.id: person for person in (somebody(501), somebody(502))}


def needles(whole: list[str]) -> Iterator[tuple[str, bytes]]:
    """Every form in which a canary must not be found."""
    numbers = [
        person.numbers[kind].partition("/")[0]
        for person in PEOPLE.values()
        for kind in ("nir", "ft_number", "caf_number", "rdvi_user")
    ]
    numbers += [number[:13] for number in numbers if len(number) == 15]
    for text in [CORE, CORE.lower(), CORE.upper(), *numbers]:
        raw = text.encode()
        yield f"{text} in clear", raw
        yield f"{text} in UTF-16", text.encode("utf-16-le")
        yield f"{text} in hex", raw.hex().encode()
        yield f"{text} in HEX", raw.hex().upper().encode()
        for shift in range(3):  # the parts of base64 that do not depend on what stands beside
            coded = base64.b64encode(b"\0" * shift + raw + b"\0" * (-(shift + len(raw)) % 3))
            yield f"{text} in base64", coded[(0, 2, 3)[shift] : len(coded) - 4]
    for text in [*whole, *numbers]:
        digest = hashlib.sha256(text.encode())
        yield f"SHA-256 of {text}", digest.digest()
        yield f"SHA-256 of {text} in hex", digest.hexdigest().encode()
        yield f"SHA-256 of {text} in base64", base64.b64encode(digest.digest())[:42]
        yield f"SHA-256 of {text} in base64url", base64.urlsafe_b64encode(digest.digest())[:42]


def search(folders: list[Path], whole: list[str]) -> list[str]:
    """The canaries found, with the file."""
    wanted = sorted(set(needles(whole)))
    assert all(len(needle) >= 6 for _, needle in wanted)
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                found += [f"{what} in {path.relative_to(folder)}" for what, needle in wanted if needle in content]
    return found


def whole_canaries() -> list[str]:
    """Each text as it was pushed, for its digest."""
    texts = [
        PROFESSIONAL.id,
        PROFESSIONAL.family_name,
        PROFESSIONAL.given_name,
        f"{CORE}-DOSSIER-1",
        f"{CORE}-DOSSIER-2",
    ]
    for person in PEOPLE.values():
        texts += [*person.numbers.values(), person.family_name, *person.given_names]
        texts.append(json.dumps(person.pivot, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
    return texts


async def push(where: Bed, http: httpx.AsyncClient, token: str) -> str:
    """Right requests, then every wrong one; gives the pseudonym of a person ready for exchanges."""
    pseudonym = ""
    for number, person in enumerate(PEOPLE.values(), 1):
        body: dict[str, Any] = {"reference": f"{CORE}-DOSSIER-{number}", "identifiers": identifiers(person)}
        answer = await where.post("/v1/subjects", body, token)
        assert answer.status_code == 200, answer.text
        pseudonym = answer.json()["pseudonym"]
        await where.authorise(token, "ml-brume", pseudonym, YOUTH)
        for subject in ({"pseudonym": pseudonym}, {"reference": body["reference"]}):
            asked = {"subject": subject, "purpose": YOUTH, "fields": FIELDS}
            answer = await where.post("/v1/exchanges", asked, token, headers={"X-Request-Id": f"{CORE}-request"})
            assert answer.status_code == 200, answer.text
            assert CORE in answer.text  # it does reach the recipient
            assert answer.json()["datasets"]["household"]["state"] == "released"
    one, other = PEOPLE.values()
    mixed = {"nir": one.numbers["nir"], "ft_number": other.numbers["ft_number"]}
    for path in (
        "/v1/exchanges",
        "/v1/subjects",
        "/v1/authorisation-requests",
        "/v1/catalogue",
        "/oauth/token",
        "/v1/webhooks",
        "/v1/source-changes",
    ):
        await wrong(where, http, path, token=token, mixed=mixed)
    return pseudonym


async def wrong(where: Bed, http: httpx.AsyncClient, path: str, *, token: str, mixed: dict[str, str]) -> None:
    """Canaries in members, values, headers, addresses, tokens: refused one way or another."""
    nir = mixed["nir"]
    bodies: list[Any] = [
        {CORE: nir},
        {"subject": {"pseudonym": CORE}, "purpose": YOUTH, "fields": ["rsa"]},
        {"subject": {"reference": f"{CORE}{nir}"}, "purpose": YOUTH, "fields": ["rsa"]},
        {"subject": {"reference": "x", CORE: nir}, "purpose": YOUTH, "fields": ["rsa"]},
        {"subject": {"pseudonym": nir}, "purpose": f"{CORE} {nir}", "fields": ["rsa"]},
        {"subject": {"pseudonym": "x"}, "purpose": YOUTH, "fields": [CORE, nir, f"rsa.{CORE}"]},
        {"subject": {"pseudonym": "x"}, "purpose": YOUTH, "fields": ["rsa"], "batch_job": CORE},
        {"reference": f"{CORE}-DOSSIER-1", "identifiers": mixed},
        {"reference": f"{CORE}-mixed", "identifiers": mixed},
        {"reference": f"{CORE}\n", "identifiers": {"nir": nir[:-1] + "0", CORE: CORE}},
        {"reference": f"{CORE}", "identifiers": {"pivot": {CORE: CORE}, "ft_login": [CORE]}},
        [CORE, nir],
        CORE,
    ]
    headers = {
        "Authorization": f"Bearer {token}",
        "X-Request-Id": nir,
        "User-Agent": CORE,
        "Referer": f"https://{CORE}.example/{nir}",
        "Cookie": f"name={CORE}",
        "Idempotency-Key": f"{CORE} is malformed",
    }
    for body in bodies:
        for sent in (headers, {**headers, "Authorization": f"Bearer {CORE}.{nir}.{CORE}"}):
            await http.post(f"{path}?nir={nir}&name={CORE}", json=body, headers=sent)
    await http.post(path, json=bodies[1], headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "k" * 12})
    await http.post(path, content=f'{{"{CORE}": {nir}', headers={**headers, "Content-Type": "application/json"})
    await http.post(path, content=f"{CORE}={nir}", headers={"Content-Type": "application/x-www-form-urlencoded"})
    await http.post(path, content=CORE.encode() * 20_000, headers={**headers, "Content-Type": "application/json"})
    await http.request(CORE.upper(), f"{path}/{CORE}/{nir}", headers=headers)


async def abruptly(where: Bed, server: Server, port: int, pseudonym: str, token: str) -> None:
    """Not HTTP at all, then a crash in the middle of exchanges."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{CORE} /{CORE} {CORE}\r\n{CORE}\r\n\r\n".encode())
    await writer.drain()
    await reader.read()
    writer.close()
    asked = [asyncio.create_task(where.exchange(token, pseudonym, YOUTH, FIELDS)) for _ in range(8)]
    await asyncio.sleep(0.03)
    os.kill(server.pid, signal.SIGABRT)
    await asyncio.gather(*asked, return_exceptions=True)
    server.kill()


async def dump(settings: Settings, out: Path) -> None:
    """Every row of every table as the database itself writes it, and the journal as exported."""
    await export_log(settings, out / "log")
    if settings.main_url.startswith("postgresql"):
        url = sa.make_url(settings.main_url)
        command = ["pg_dump", "-h", str(url.query["host"]), "-U", "postgres", str(url.database)]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
        assert b"COPY public.audit_entry" in done.stdout
        (out / "dump.sql").write_bytes(done.stdout)


def test_the_search_itself_finds_every_form(tmp_path: Path) -> None:
    """A search that finds nothing proves nothing: each form is planted, each is found."""
    for text in (f"before {CORE} after", f"x{CORE.upper()}"):
        for number, raw in enumerate(
            (
                text.encode(),
                text.encode().hex().encode(),
                *(base64.b64encode(b"." * shift + text.encode()) for shift in range(3)),
                hashlib.sha256(f"{CORE}-DOSSIER-1".encode()).digest(),
                hashlib.sha256(f"{CORE}-DOSSIER-1".encode()).hexdigest().encode(),
            )
        ):
            folder = tmp_path / f"{len(text)}-{number}"
            folder.mkdir()
            (folder / "file").write_bytes(b"\0\1" + raw + b"\2")
            assert search([folder], whole_canaries()), raw


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_no_canary_is_found_anywhere(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Database files and their journals, dump, key store, exported log, output, home and temporary folders."""
    home, empty = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    empty.mkdir()
    for name in ("HOME", "TMPDIR", "TMP", "TEMP"):
        monkeypatch.setenv(name, str(empty))
    folders = [home, empty]
    url = f"sqlite:///{home}/passerelle.db"
    if engine == "postgresql":
        postgres = PostgresServer()
        request.addfinalizer(postgres.remove)
        url = postgres.create_database()
        folders.append(postgres.home)
    port = free_port(0)
    async with served(sandbox.build(people=PEOPLE)) as sandbox_url:
        settings = settings_of(
            home, database_url=url, sandbox_url=sandbox_url, public_url=f"http://127.0.0.1:{port}", port=port
        )
        async with open_database(settings.main_url) as store, open_database(settings.keys_url) as keys:
            await migrate(store, keys)
        async with open_services(settings) as services, Server(settings) as server:
            async with httpx.AsyncClient(base_url=settings.public_url, timeout=20) as http:
                where = Bed(services=services, http=http, sandbox=sandbox_url, people=PEOPLE)
                await where.partner("ml-brume")
                token = await request_token(
                    http,
                    where.keys["ml-brume"],
                    client_id="ml-brume",
                    issuer=settings.public_url,
                    scopes=services.server.scopes_supported,
                    now=wall_clock(),
                    professional=PROFESSIONAL,
                )
                pseudonym = await push(where, http, token)
                await abruptly(where, server, port, pseudonym, token)
            await server.start()
            await asyncio.sleep(1.2)  # a checkpoint is signed
            output = server.output()
            await dump(settings, tmp_path / "dump")
            found = search([*folders, tmp_path / "dump"], whole_canaries())
    assert output.count('"event":"request"') > 100
    assert token not in output
    found += search([*folders], whole_canaries())  # and once everything is closed
    assert sorted(set(found)) == []
