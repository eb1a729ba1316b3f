"""The reference and the how-to tell what the code does."""

import json
import re
import time
from pathlib import Path

from gateway.oauth.errors import FAULT_TEXTS, REFUSALS, TOKEN_REFUSALS, Fault
from gateway.oauth.partners import new_partner, register

DOCS = Path(__file__).parents[3] / "docs"
REFERENCE = (DOCS / "reference/oauth.md").read_text("utf-8")
HOW_TO = (DOCS / "how-to/register-a-partner.md").read_text("utf-8")


def rows(title):
    """The rows of the table that follows this header cell, as lists of cells."""
    table = REFERENCE[REFERENCE.index(f"| {title} |") :].split("\n\n")[0]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_every_refusal_of_the_token_endpoint_is_documented():
    """The table of the reference is the table of the code, with its errors and statuses."""
    expected = {detail: (refusal.error, str(refusal.status)) for detail, refusal in REFUSALS.items()}
    expected |= {f"{name}.…": (error, str(status)) for name, (error, status) in TOKEN_REFUSALS.items()}
    assert {row[0]: (row[1], row[2]) for row in rows("Detail")} == expected


def test_every_fault_of_an_assertion_is_documented_and_has_its_text():
    """Each fault has a line for the integrator and a text for the client."""
    assert [row[0] for row in rows("Fault of an assertion")] == [fault.value for fault in Fault]
    assert list(FAULT_TEXTS) == list(Fault)


async def test_the_snippets_of_the_how_to_work(world, monkeypatch):
    """What an integrator copies gets a token, of the partner and of its professional."""
    monkeypatch.setattr(time, "time", lambda: world.now / 1000)
    snippets: dict = {}
    for block in re.findall(r"```python\n(.*?)```", HOW_TO, re.DOTALL):
        exec(block, snippets)  # noqa: S102
    command = re.search(r"partner add (\S+) --siret (\d+)", HOW_TO)
    partner = new_partner(
        id="cc-brume",
        name="CCAS",
        siret=command[2],
        scopes=["data:rsa"],
        jwks=json.loads(snippets["JWKS"]),
        now=world.now,
    )
    await register(world.database, partner)
    arguments = (world.http, snippets["KEY"], world.server.issuer, "cc-brume")
    for function, actor in (("partner_token", None), ("professional_token", "agent-42")):
        token = await snippets[function](*arguments)
        headers = snippets["bound"](snippets["KEY"], token, "GET", f"{world.server.issuer}/v1/catalogue")
        sent = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        request = {"method": "GET", "path": "/v1/catalogue", "headers": sent}
        caller = await world.verifier.caller(request, world.now)
        assert (caller.actor and caller.actor.id) == actor


def test_the_texts_the_how_to_explains_are_those_the_client_reads():
    """A changed text would leave the integrator searching."""
    for shown in re.findall(r"\| `invalid_(?:client|dpop_proof)`, `([^`]+)`", HOW_TO):
        start = shown.removesuffix("…").strip()
        assert any(start in text for text in FAULT_TEXTS.values()), shown
