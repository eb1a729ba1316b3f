"""Two gateway processes follow an activation while they are asked: none refused, nothing under former rules."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from audit.models import audit_entry
from connectors.sandbox.people import load as load_people
from gateway.oauth.client import new_key, request_token
from gateway.partners import register
from gateway.processes import Processes, free_port
from gateway.serve import migrate_databases
from gateway.services import open_services, wall_clock
from gateway.settings import PACKAGED_CATALOGUE, Settings
from tests.bed import PERSON_HERSELF, identifiers, professional

SCOPES = ["authorisations:request", "data:registration", "subjects:nir", "subjects:write"]
FIELDS = ["registration.status", "registration.category_code"]


async def test_every_process_follows_and_none_refuses_a_connection(  # noqa: PLR0915  one story, told in order
    tmp_path: Path, database_url: str
) -> None:
    """Rule: after `catalogue.activated` no release names another catalogue; both processes serve the new one."""
    ports = {name: free_port(0) for name in ("one", "two", "sandbox")}
    urls = [f"http://127.0.0.1:{ports[name]}" for name in ("one", "two")]
    home = tmp_path / "home"
    home.mkdir()
    common = {"home": home, "public_url": urls[0], "sources": home / "sources.yaml", "database_url": database_url,
              "keys_database_url": f"sqlite:///{home}/keys.db", "max_unpublished_seconds": 3600}  # fmt: skip
    settings = {name: Settings(port=ports[name], **common) for name in ("one", "two")}
    folder = tmp_path / "next"
    shutil.copytree(PACKAGED_CATALOGUE, folder)
    file = folder / "iae-eligibilite-ft.yaml"
    file.write_text(file.read_text("utf-8").replace("  registration.category_code: {release: clear}\n", ""), "utf-8")
    with Processes(settings["one"], ports) as first, Processes(settings["two"], ports) as second:
        first.start("sandbox", "sandbox", "--port", str(ports["sandbox"]), "--sources", str(home / "sources.yaml"))
        await first.ready("sandbox", "/")
        await migrate_databases(settings["one"])
        key = new_key("k")
        async with open_services(settings["one"]) as services:
            siret = services.catalogue.parties["siae-brume"].siret
            known = SCOPES
            await register(services, name="siae-brume", siret=siret, jwks=key.jwks(), scopes=known, binding="bearer")
        first.start("one", "serve")
        await first.ready("one", "/livez")
        second.start("two", "serve")
        await second.ready("two", "/livez")
        async with httpx.AsyncClient(timeout=30) as http:
            who = professional("conseiller")
            token = await request_token(
                http, key, client_id="siae-brume", issuer=urls[0], scopes=known, now=wall_clock(), professional=who
            )
            headers = {"Authorization": f"Bearer {token}"}
            link = {"reference": "L-1", "identifiers": identifiers(load_people()["lucas-perrin"])}
            pseudonym = (await http.post(f"{urls[0]}/v1/subjects", json=link, headers=headers)).json()["pseudonym"]
            body: dict[str, Any] = {"subject": {"pseudonym": pseudonym}, "purpose": "iae.eligibility"}
            asked = (await http.post(f"{urls[0]}/v1/authorisation-requests", json=body, headers=headers)).json()
            async with open_services(settings["one"]) as services:
                subject = await services.people.resolve(partner="siae-brume", pseudonym=pseudonym)
                fields = frozenset(asked["fields"])
                await services.authorisations.give(
                    asked["id"], subject=subject, fields=fields, by=PERSON_HERSELF, now=wall_clock()
                )
            statuses: list[tuple[int, int]] = []
            cut: list[int] = []
            over = asyncio.Event()

            async def keep_asking(number: int) -> None:
                while not over.is_set():
                    async with httpx.AsyncClient(timeout=30) as mine:  # a connection of its own: none may be refused
                        try:
                            answer = await mine.get(f"{urls[number]}/livez")
                        except httpx.RemoteProtocolError:  # accepted in the instant in which the former server closes
                            cut.append(number)
                        else:
                            statuses.append((number, answer.status_code))
                    await asyncio.sleep(0.02)

            async def exchange(number: int) -> httpx.Response:
                return await http.post(f"{urls[number]}/v1/exchanges", json={**body, "fields": FIELDS}, headers=headers)

            assert [(await exchange(number)).status_code for number in (0, 1)] == [200, 200]
            asking = [asyncio.create_task(keep_asking(number)) for number in (0, 1)]
            loop = asyncio.get_running_loop()
            code, said = await loop.run_in_executor(None, lambda: first.run("policy", "activate", str(folder)))
            assert code == 0, said
            during = [await exchange(number) for number in (0, 1)]
            for name in ("one", "two"):
                await _until(home / f"{name}.log", '"event":"catalogue_superseded"')
            await asyncio.sleep(3)
            over.set()
            await asyncio.gather(*asking)
            assert {status for _, status in statuses} == {200}  # and never a refused connection
            assert len(cut) <= 4
            assert {each.json().get("code", "") for each in during} <= {"", "catalogue_superseded"}
            after = [await exchange(number) for number in (0, 1)]
            assert [each.status_code for each in after] == [200, 200], [each.text for each in after]
            values = [each.json()["datasets"]["registration"]["values"] for each in after]
            assert [sorted(each) for each in values] == [["status"], ["status"]]
        async with open_services(settings["one"]) as services:
            query = sa.select(audit_entry.c.leaf).order_by(audit_entry.c.index)
            leaves = await services.store.read(lambda connection: list(connection.execute(query).scalars()))
    in_force = ""
    for entry in map(json.loads, leaves):
        if entry["type"] == "catalogue.activated":
            assert entry.get("previous", "") == in_force
            in_force = entry["catalogue"]
        elif entry["type"] == "exchange.released":
            assert entry["catalogue"] == in_force
    assert in_force == services.catalogue.digest


async def _until(log: Path, text: str) -> None:
    for _ in range(300):
        if text in log.read_text("utf-8"):  # noqa: ASYNC240  nothing else waits for this loop
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{log.name} does not say so")
