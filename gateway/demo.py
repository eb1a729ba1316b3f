"""`passerelle demo`: one story, told in the terminal while it really happens over HTTP.

A mission locale asks about Amina Delorme (fictional), is refused, she agrees, data of two institutions arrives while
a third is down, she withdraws, the next exchange is refused, the journal is verified offline and a tampered copy is
caught. Every step checks what it sees; the first that is not as expected ends the demo with exit code 1.
"""

import asyncio
import json
import shutil
import signal
from pathlib import Path
from typing import Any

import httpx

from connectors.sandbox import people
from consent.records import Transition
from consent.states import By
from gateway import partner_keys
from gateway.oauth.client import ClientKey, bound_headers, request_token
from gateway.partners import register
from gateway.processes import NotAsExpectedError, Processes, free_port, say
from gateway.serve import migrate_databases
from gateway.services import open_services, wall_clock
from gateway.settings import Settings

HOME = Path("var/demo")
AMINA = ("amina-delorme", "ML-2026-0117")
LUCAS = ("lucas-perrin", "ML-2026-0042")  # everything is fine at every institution
PARTNER = "ml-brume"
PURPOSE = "support.youth"
DATASETS = ["rsa", "quotient_familial", "household", "registration", "rdv"]
SCOPES = ["authorisations:request", "subjects:nir", "subjects:write", *(f"data:{name}" for name in DATASETS)]
DPOS = (
    ("caf-brume", "--email", "camille.vernier@professionnels.example", "--siret", "99900103500016"),
    ("gi-brume", "--consortium", "--email", "gwenael.astruc@professionnels.example", "--siret", "99900107600010"),
)
PROFESSIONAL = {
    "id": "conseiller-42",
    "family_name": "Marchand",
    "given_name": "Lise",
    "role": "conseiller",
    "acr": "eidas2",
}


async def tell(*, once: bool) -> int:
    """Tell the story; then wait for Ctrl-C unless `once`. Gives the exit code."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True, mode=0o700)
    ports = {"gateway": free_port(8000), "sandbox": free_port(8100)}
    settings = Settings(
        home=HOME,
        public_url=f"http://127.0.0.1:{ports['gateway']}",
        port=ports["gateway"],
        sources=HOME / "sources.yaml",
        portal_name="Passerelle (démonstration)",
        help_phone="02 99 00 00 00",
        help_desk="Maison de l'emploi, 1 place du Marché, Brume-sur-Loire",
        identity_providers=str(HOME / "providers.yaml"),
        database_url="",
        keys_database_url="",
        exchange_deadline_seconds=5,
    )
    with Processes(settings, ports) as processes:
        try:
            story = Story(settings, f"http://127.0.0.1:{ports['sandbox']}", processes)
            await story.prepare()
            await story.tell()
        except (NotAsExpectedError, httpx.HTTPError) as error:
            say(f"\n   ✗ {error}\n\nNot as expected. The log of the gateway is {HOME}/gateway.log")
            return 1
        say(f"\nThe story is told. Everything it used is in {HOME}/.")
        if not once:
            await story.hand_over()
            await _until_stopped()
    return 0


async def _until_stopped() -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()


class Story:
    """The steps, in order; what one learns the next ones use."""

    def __init__(self, settings: Settings, sandbox_url: str, processes: Processes) -> None:
        self.settings = settings
        self.sandbox_url = sandbox_url
        self.processes = processes
        self.key: ClientKey
        self.token = ""
        self.pseudonym = ""
        self.log = HOME / "log"

    async def prepare(self) -> None:
        """Set-up: tables, keys, two servers, one partner."""
        say("Setting up: tables, keys, a sandbox of simulated institutions, the gateway")
        self.processes.start("sandbox", "sandbox", "--port", self.sandbox_url.rpartition(":")[2], "--sources",
                             str(self.settings.sources), "--providers", self.settings.identity_providers)  # fmt: skip
        await self.processes.ready("sandbox", "/")
        await migrate_databases(self.settings)
        partner_keys.create(HOME / "ml-brume.pem", HOME / "ml-brume.jwks.json")
        (HOME / "professional.json").write_text(json.dumps(PROFESSIONAL), "utf-8")
        async with open_services(self.settings) as services:
            siret = services.catalogue.parties[PARTNER].siret
            jwks = json.loads((HOME / "ml-brume.jwks.json").read_text("utf-8"))
            await register(services, name=PARTNER, siret=siret, jwks=jwks, scopes=SCOPES)
        for words in DPOS:
            self.processes.run("role", "add", "dpo", *words)
        self.processes.start("gateway", "serve")
        await self.processes.ready("gateway", "/livez")
        self.expect("the gateway is ready", (await self.get("/readyz"))["ready"] is True)

    async def tell(self) -> None:
        """The story itself."""
        await self.sign_in_and_link()
        await self.ask_and_be_refused()
        say("\n3. It puts the question to Amina")
        authorisation = await self.ask_for_authorisation()
        self.expect("the request waits for her answer", bool(authorisation))
        await self.amina("gives", authorisation)
        await self.exchange_with_one_source_down()
        await self.amina("withdraws", authorisation)
        await self.be_refused_again()
        await self.verify_offline()

    async def sign_in_and_link(self) -> None:
        """A token that names the professional; a pseudonym for the person."""
        say("\n1. Lise Marchand, adviser at the mission locale, signs in there; its system gets a token in her name")
        await self.sign_in()
        self.expect("a signed token of five minutes, bound to that system's key", self.token.count(".") == 2)
        self.pseudonym = await self.link(AMINA)
        self.expect("Amina Delorme is linked; the mission locale may keep a pseudonym", bool(self.pseudonym))
        say(f"     {self.pseudonym}")

    async def sign_in(self) -> None:
        """A new token, kept in a file for the reader to use."""
        self.key = partner_keys.load(HOME / "ml-brume.pem")
        async with httpx.AsyncClient() as http:
            self.token = await request_token(
                http,
                self.key,
                client_id=PARTNER,
                issuer=self.settings.public_url,
                scopes=SCOPES,
                now=wall_clock(),
                professional=partner_keys.professional(HOME / "professional.json"),
                proof_key=self.key,
            )
        (HOME / "token").write_text(self.token, "utf-8")

    async def link(self, who: tuple[str, str]) -> str:
        """Link a person of the sandbox under the partner's own reference."""
        person = people.load()[who[0]]
        body = {"reference": who[1], "identifiers": {**person.identifiers, "pivot": person.pivot}}
        status, answer = await self.post("/v1/subjects", body)
        return str(answer["pseudonym"]) if status == 200 else ""

    async def ask_and_be_refused(self) -> None:
        """Without a choice of the person, nothing."""
        say("\n2. The mission locale asks for her situation. Amina has not been asked yet")
        status, answer = await self.exchange()
        self.expect("refused: 403, exchange_denied", (status, answer.get("code")) == (403, "exchange_denied"))
        self.expect(f"with its reason: {answer['reasons']}", answer["reasons"] == ["no_authorisation"])
        say(f"     The refusal is entry {answer['entry']} of the journal.")

    async def ask_for_authorisation(self) -> str:
        """A request, bounded by the catalogue."""
        status, answer = await self.post(
            "/v1/authorisation-requests", {"subject": {"pseudonym": self.pseudonym}, "purpose": PURPOSE}
        )
        return str(answer["id"]) if (status, answer.get("state")) == (201, "requested") else ""

    async def amina(self, does: str, authorisation: str) -> None:
        """What she will do on her own pages."""
        say({"gives": "\n4. Amina says yes", "withdraws": "\n6. Amina changes her mind and stops the sharing"}[does])
        done = await self.person(does, authorisation)
        if does == "gives":
            self.expect(
                f"given for {len(done.record.fields)} fields, one purpose, one year", done.record.state == "given"
            )
        else:
            self.expect("withdrawn: durable before she reads so", done.record.state == "withdrawn")
        say(f"     Entry {done.appended.index} of the journal.")

    async def person(self, does: str, authorisation: str) -> Transition:
        """The person's answer, through the library that the pages will use."""
        by = By(kind="subject", channel="library", method="demo")
        async with open_services(self.settings) as services:
            subject = await services.people.resolve(partner=PARTNER, pseudonym=self.pseudonym)
            choices, now = services.authorisations, wall_clock()
            if does == "withdraws":
                return await choices.withdraw(authorisation, subject=subject, by=by, now=now)
            fields = (await choices.get(authorisation, subject=subject)).requested
            return await choices.give(authorisation, subject=subject, fields=fields, by=by, now=now)

    async def exchange_with_one_source_down(self) -> None:
        """Two institutions answer, one is down, and only what the purpose needs leaves."""
        say("\n5. The mission locale asks again. The CAF and France Travail answer, the Département is down")
        status, answer = await self.exchange()
        self.expect("200", status == 200)
        found = {name: each["state"] for name, each in answer["datasets"].items()}
        for name, each in answer["datasets"].items():
            say(f"     {name}: " + json.dumps(each.get("values", each.get("items", each)), ensure_ascii=False))
        self.expect("the CAF's and France Travail's data are released",
                    {found.get("rsa"), found.get("household"), found.get("registration")} == {"released"})  # fmt: skip
        self.expect("the Département's appointments are unavailable, with when to ask again",
                    found.get("rdv") == "unavailable" and "retry_after" in answer["datasets"]["rdv"])  # fmt: skip
        self.expect("the quotient familial left as yes or no, not as an amount",
                    answer["datasets"]["quotient_familial"]["values"]["value"] is True)  # fmt: skip
        self.expect("of the address, only the commune",
                    "SAULES" not in json.dumps(answer).upper())  # fmt: skip
        receipt = answer["proof"]["receipt"]
        (HOME / "receipt.json").write_text(json.dumps(receipt), "utf-8")
        say(f"     Receipt: entry {receipt['index']}, tree of {receipt['tree_size']}, root {receipt['root_hash']}")

    async def be_refused_again(self) -> None:
        """After a withdrawal has answered, nothing more leaves."""
        say("\n7. The mission locale asks once more")
        status, answer = await self.exchange()
        self.expect(f"refused: {answer.get('reasons')}", status == 403 and answer["reasons"] == ["withdrawn"])

    async def verify_offline(self) -> None:
        """The journal is exported, verified without the gateway, and a tampered copy is caught."""
        say("\n8. The DPO exports the journal and verifies it offline")
        await asyncio.sleep(1.5)  # the publisher signs every second
        say(self.processes.run("audit", "export", "--out", str(self.log))[1])
        vkey = str(self.log / "log.vkey")
        status, report = self.processes.run("audit", "verify", str(self.log), "--vkey", vkey)
        say("     " + report.replace("\n", "\n     "))
        self.expect("every check passes", status == 0)
        status, _ = self.processes.run(
            "audit", "verify", str(HOME / "receipt.json"), "--vkey", str(self.log / "receipt.vkey")
        )
        self.expect("so does the mission locale's receipt", status == 0)
        tampered = HOME / "tampered"
        shutil.copytree(self.log, tampered)
        bundle = next(path for path in sorted((tampered / "tile" / "entries").rglob("*")) if path.is_file())
        content = bundle.read_bytes()
        bundle.write_bytes(content.replace(b'"decision":"deny"', b'"decision":"perm"', 1))
        say("\n9. Somebody edits one word of a copy: a refusal")
        status, report = self.processes.run("audit", "verify", str(tampered), "--vkey", vkey)
        say("     " + report.replace("\n", "\n     "))
        self.expect("the copy is caught", status == 1 and content != bundle.read_bytes())

    async def hand_over(self) -> None:
        """The portal and who to be there; somebody for whom everything is fine, and three commands to try."""
        await self.sign_in()
        self.expect("a new question waits for Amina", bool(await self.ask_for_authorisation()))
        self.show_portal()
        self.pseudonym = await self.link(LUCAS)
        await self.person("gives", await self.ask_for_authorisation())
        url, key = self.settings.public_url, f"--key {HOME}/ml-brume.pem"

        def bound(method: str, path: str) -> str:
            proof = f"$(.venv/bin/passerelle partner proof {method} {url}{path} {key} --token {HOME}/token)"
            return f'-H "Authorization: DPoP $(cat {HOME}/token)" \\\n    -H "DPoP: {proof}"'

        body = json.dumps({"subject": {"reference": LUCAS[1]}, "purpose": PURPOSE, "fields": DATASETS})
        say("\nThe API. Try, in another terminal:\n")
        say(f"  curl -s {url}/readyz\n")
        say(f"  curl -s {bound('GET', '/v1/catalogue')} \\\n    {url}/v1/catalogue\n")
        say(f'  curl -s {bound("POST", "/v1/exchanges")} \\\n    -H "Content-Type: application/json" \\')
        say(f"    -d '{body}' {url}/v1/exchanges\n")
        scopes = " ".join(f"--scope {name}" for name in SCOPES)
        say("The token lives five minutes. A new one (the gateway never sees the private key):\n")
        say(f"  PASSERELLE_PUBLIC_URL={url} .venv/bin/passerelle partner token {PARTNER} {key} \\")
        say(f"    --professional {HOME}/professional.json {scopes} > {HOME}/token")

    def show_portal(self) -> None:
        """Where to look, as whom, and at what."""
        url = self.settings.public_url
        say("\nThe gateway and the sandbox are running; Ctrl-C stops them.\n")
        say(f"The portal is {url}/ (French; English at the top right). Everybody here is fictional.\n")
        say("  As Amina Delorme, by the simulated FranceConnect: the question that waits for her, who has seen what,")
        say("    and « Arrêter ». Lucas Perrin is there too: what he gave is still in force.")
        say("  As Camille Vernier, DPO of the CAF, by the simulated ProConnect: is the journal intact,")
        say("    what left the CAF, one entry with its proof. Gwenaël Astruc is the DPO of all institutions.")
        say(f"  As a developer: {url}/docs")

    async def exchange(self) -> tuple[int, dict[str, Any]]:
        """One exchange about Amina."""
        return await self.post(
            "/v1/exchanges", {"subject": {"pseudonym": self.pseudonym}, "purpose": PURPOSE, "fields": DATASETS}
        )

    async def post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """POST with the token and a proof that it is this system's."""
        url = f"{self.settings.public_url}{path}"
        headers = bound_headers(self.key, self.token, method="POST", url=url, now=wall_clock())
        async with httpx.AsyncClient(base_url=self.settings.public_url, timeout=30) as http:
            answer = await http.post(path, json=body, headers=headers)
        return answer.status_code, answer.json()

    async def get(self, path: str) -> dict[str, Any]:
        """GET without token."""
        async with httpx.AsyncClient(base_url=self.settings.public_url) as http:
            answer: dict[str, Any] = (await http.get(path)).json()
        return answer

    def expect(self, what: str, holds: bool) -> None:  # noqa: FBT001  reads as a sentence
        """Say it, or stop the story."""
        if not holds:
            raise NotAsExpectedError(what)
        say(f"   ✓ {what}")
