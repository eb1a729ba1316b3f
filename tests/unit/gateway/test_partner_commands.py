"""`passerelle partner list | show | rotate | scopes | suspend | resume`: what they change, say and write."""

import asyncio
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from audit.models import audit_entry
from gateway import partners
from gateway.commands.partner import partner_add
from gateway.database import open_database
from gateway.oauth.client import new_key
from gateway.oauth.errors import PartnerChanged
from gateway.services import open_services
from gateway.settings import Settings
from tests.bed import bed
from tests.unit.gateway.conftest import Passerelle, home, passerelle
from tests.unit.gateway.test_cli import add, registered

__all__ = ["home", "passerelle"]

HOW_TO = Path(__file__).parents[3] / "docs" / "how-to"
SHOWN = {
    "register-a-partner.md": (HOW_TO / "register-a-partner.md").read_text("utf-8"),
    "bind-tokens.md": (HOW_TO / "bind-tokens.md").read_text("utf-8"),
    "--help": partner_add.__doc__ or "",
}


@pytest.fixture
def brume(passerelle: Passerelle, home: Path) -> str:
    """A registered partner with one key; gives its kid."""
    registered(passerelle, home)
    assert passerelle(*add(home))[0] == 0
    [key] = told(passerelle, "show", "ml-brume")["keys"]
    return key["kid"]


def told(passerelle: Passerelle, *arguments: str) -> dict[str, Any]:
    """A command that works, as JSON."""
    status, out, err = passerelle("partner", *arguments, "--json")
    assert (status, err) == (0, ""), err
    return json.loads(out)


def another(home: Path, kid: str) -> str:
    path = home / f"{kid}.jwks.json"
    path.write_text(json.dumps(new_key(kid).jwks()))
    return str(path)


def entries() -> list[dict[str, Any]]:
    """The journal, but for its first entry."""

    async def read() -> list[dict[str, Any]]:
        async with open_database(Settings().main_url) as store:
            leaves = sa.select(audit_entry.c.leaf).order_by(audit_entry.c.index)
            rows = await store.read(lambda connection: connection.execute(leaves).scalars().all())
            return [json.loads(leaf) for leaf in rows][1:]

    return asyncio.run(read())


@pytest.mark.parametrize("where", SHOWN)
def test_a_registration_is_typed_as_it_is_shown(
    passerelle: Passerelle, home: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """The command of the page, word for word, with the packaged catalogue."""
    registered(passerelle, home)
    monkeypatch.chdir(home)
    [command] = re.findall(r"passerelle (partner add (?:.*\\\n)*.*)", SHOWN[where])
    status, out, err = passerelle(*shlex.split(command.replace("\\\n", "")))
    assert (status, out, err) == (0, "", "ml-brume is registered.\n")


def test_registrations_are_listed_and_shown(passerelle: Passerelle, brume: str) -> None:
    """For people a line each, for programs everything; the thumbprint is the one of the journal."""
    status, out, err = passerelle("partner", "list")
    assert (status, out, err) == (0, "ml-brume  active  dpop  1 keys  1 scopes\n", "")
    [one] = told(passerelle, "list")["partners"]
    assert one == told(passerelle, "show", "ml-brume")
    assert (one["client_id"], one["scope"], one["keys"][0]["kid"]) == ("ml-brume", "data:rsa", brume)
    status, out, _ = passerelle("partner", "show", "ml-brume")
    assert status == 0
    assert one["keys"][0]["thumbprint"] in out
    assert entries()[-1]["keys"] == [one["keys"][0]["thumbprint"]]


def test_keys_rotate_with_overlap(passerelle: Passerelle, home: Path, brume: str) -> None:
    """Added, then the former taken away: an entry each, with the keys there are afterwards."""
    both = told(passerelle, "rotate", "ml-brume", "--add", another(home, "next"))["keys"]
    assert [key["kid"] for key in both] == [brume, "next"]
    [left] = told(passerelle, "rotate", "ml-brume", "--remove", brume)["keys"]
    assert left["kid"] == "next"
    written = entries()[-2:]
    assert [(each["type"], each["org"], each["what"]) for each in written] == [
        ("partner.changed", "ml-brume", "keys")
    ] * 2
    assert [each["keys"] for each in written] == [[key["thumbprint"] for key in both], [left["thumbprint"]]]


def test_a_whole_set_or_an_address_takes_the_place_of_all(passerelle: Passerelle, home: Path, brume: str) -> None:
    """To an address and back; the journal holds the address as a digest."""
    assert told(passerelle, "rotate", "ml-brume", "--jwks", another(home, "whole"))["keys"][0]["kid"] == "whole"
    at = told(passerelle, "rotate", "ml-brume", "--jwks-uri", "https://ml.example.org/jwks")
    assert (at["keys"], at["jwks_uri"]) == ([], "https://ml.example.org/jwks")
    assert "https://ml.example.org/jwks" in passerelle("partner", "list")[1]
    assert (entries()[-1]["keys"], len(entries()[-1]["keys_at"])) == ([], 43)
    for wrong in (("--add", another(home, "x")), ("--remove", "whole")):
        status, _, err = passerelle("partner", "rotate", "ml-brume", *wrong)
        assert (status, err.split(":")[0]) == (1, "partner_invalid")
    back = told(passerelle, "rotate", "ml-brume", "--jwks", another(home, "back"))
    assert (back["keys"][0]["kid"], back["jwks_uri"]) == ("back", None)


def test_scopes_are_replaced(passerelle: Passerelle, brume: str) -> None:
    """Exactly these; the journal holds them."""
    assert told(passerelle, "scopes", "ml-brume", "--scope", "data:c2s")["scope"] == "data:c2s"
    assert (entries()[-1]["what"], entries()[-1]["scopes"]) == ("scopes", ["data:c2s"])
    status, _, err = passerelle("partner", "scopes", "ml-brume", "--scope", "data:everything")
    assert (status, err.split(":")[0]) == (1, "partner_invalid")


def test_tokens_are_bound_otherwise(passerelle: Passerelle, brume: str) -> None:
    """To a certificate, and back to proofs; the journal holds digests of the certificates; nonsense changes nothing."""
    rules = ("--certificate", "san_dns:ml.example.org")
    shown = told(passerelle, "bind", "ml-brume", "--binding", "mtls", *rules)
    assert (shown["binding"], shown["certificates"]) == ("mtls", ["san_dns:ml.example.org"])
    entry = entries()[-1]
    assert (entry["what"], entry["binding"], len(entry["certificates"])) == ("binding", "mtls", 1)
    for wrong in (("--binding", "mtls"), ("--binding", "none"), ("--binding", "dpop", *rules)):
        status, _, err = passerelle("partner", "bind", "ml-brume", *wrong)
        assert (status, err.split(":")[0]) == (1, "partner_invalid")
    assert told(passerelle, "bind", "ml-brume", "--binding", "dpop")["certificates"] == []
    assert "certificates" not in entries()[-1]


def test_suspended_and_let_in_again(passerelle: Passerelle, brume: str) -> None:
    """An entry each; twice the same is one change."""
    before = len(entries())
    for command, status in (("suspend", "suspended"), ("suspend", "suspended"), ("resume", "active")):
        assert told(passerelle, command, "ml-brume")["status"] == status
    written = entries()[before:]
    assert [(each["what"], each["status"]) for each in written] == [("status", "suspended"), ("status", "active")]


@pytest.mark.parametrize(
    "arguments",
    [
        ("show",),
        ("suspend",),
        ("resume",),
        ("scopes", "--scope", "data:rsa"),
        ("rotate", "--remove", "x"),
        ("bind", "--binding", "dpop"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_partner_nobody_registered_is_a_sentence(
    passerelle: Passerelle, home: Path, brume: str, arguments: tuple[str, ...]
) -> None:
    """Exit 1, its code; nothing is written."""
    before = entries()
    status, out, err = passerelle("partner", arguments[0], "caf-brume", *arguments[1:])
    assert (status, out, err.split(":")[0]) == (1, "", "partner_unknown")
    assert entries() == before


@pytest.mark.parametrize(
    "arguments",
    [(), ("--jwks", "x", "--jwks-uri", "https://x.example/"), ("--jwks", "x", "--add", "y"),
     ("--jwks-uri", "https://x.example/", "--remove", "y")],
)  # fmt: skip
def test_ways_that_do_not_go_together_are_misuse(
    passerelle: Passerelle, brume: str, arguments: tuple[str, ...]
) -> None:
    """Exit 2; nothing is written."""
    before = entries()
    assert passerelle("partner", "rotate", "ml-brume", *arguments)[0] == 2
    assert entries() == before


@pytest.mark.parametrize("case", ["the last key", "an unknown kid", "a kid twice", "no file", "no set", "http"])
def test_keys_that_cannot_be_are_a_sentence(passerelle: Passerelle, home: Path, brume: str, case: str) -> None:
    """Exit 1, its code, one line; the registration stays as it was."""
    (home / "none.json").write_text("[]")
    (home / "twice.json").write_text(json.dumps(new_key(brume).jwks()))
    arguments = {
        "the last key": ("--remove", brume),
        "an unknown kid": ("--remove", "unknown"),
        "a kid twice": ("--add", str(home / "twice.json")),
        "no file": ("--add", "/nowhere"),
        "no set": ("--add", str(home / "none.json")),
        "http": ("--jwks-uri", "http://127.0.0.1/jwks"),
    }[case]
    before = told(passerelle, "show", "ml-brume")
    status, out, err = passerelle("partner", "rotate", "ml-brume", *arguments)
    assert (status, out, err.split(":")[0], len(err.splitlines())) == (1, "", "partner_invalid", 1)
    assert told(passerelle, "show", "ml-brume") == before


def test_every_command_shows_how_it_is_used(passerelle: Passerelle, home: Path) -> None:
    """An example in each help."""
    for command in ("add", "list", "show", "rotate", "scopes", "bind", "suspend", "resume", "proof"):
        status, out, _ = passerelle("partner", command, "--help")
        assert status == 0
        assert f"passerelle partner {command}" in out


async def test_row_and_entry_come_together_or_not_at_all(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On each engine: a change that another one overtook writes neither."""
    async with bed(tmp_path, database_url=database_url, sandbox_url="http://127.0.0.1:1") as town:
        await town.partner("ml-brume")
        settings = Settings(
            home=tmp_path, database_url=database_url, keys_database_url=f"sqlite:///{tmp_path}/keys.db",
            sources=tmp_path / "sources.yaml",
        )  # fmt: skip
        size = await town.size()
        async with open_services(settings) as services:
            former = await partners._get(services, "ml-brume")
        assert (await partners.set_status(settings, "ml-brume", "suspended")).status == "suspended"
        assert await town.size() == size + 1
        changed = partners.with_scopes(former, ["data:rsa"], now=former.changed_at)
        async with open_services(settings) as services:
            with pytest.raises(PartnerChanged):
                await partners._change(services, former, changed, "scopes")
        assert await town.size() == size + 1
        found = await partners.shown(settings, "ml-brume")
        assert (found.status, found.scopes) == ("suspended", former.scopes)


async def test_a_suspended_partners_tokens_end_with_the_entry(tmp_path: Path, database_url: str) -> None:
    """At once, although the registration is still remembered; they stay over when it is let in again."""
    async with bed(tmp_path, database_url=database_url, sandbox_url="http://127.0.0.1:1") as town:
        await town.partner("ml-brume")
        token = await town.token("ml-brume", professional=None, scopes=["data:rsa"])

        async def opens() -> int:
            answer = await town.http.get("/v1/catalogue", headers={"Authorization": f"Bearer {token}"})
            return answer.status_code

        assert await opens() == 200
        former = await partners._get(town.services, "ml-brume")
        for status in ("suspended", "active"):
            now = town.services.clock()
            former = await partners._change(
                town.services, former, partners.with_status(former, status, now=now), "status"
            )
            assert await opens() == 401
