"""`passerelle`: data on stdout, words on stderr, exit 0 ok, 1 refused, 2 misuse; never a traceback."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.gateway.conftest import Passerelle

SIRET = "99900104300010"
COMMANDS = [
    (),
    ("settings",),
    ("serve",),
    ("sandbox",),
    ("demo",),
    ("database",),
    ("database", "migrate"),
    ("partner",),
    ("partner", "add"),
    ("partner", "key"),
    ("partner", "token"),
    ("partner", "list"),
    ("partner", "show"),
    ("partner", "rotate"),
    ("partner", "scopes"),
    ("partner", "suspend"),
    ("partner", "resume"),
    ("partner", "bind"),
    ("partner", "proof"),
    ("key", "rotate"),
    ("key", "retire"),
    ("key", "list"),
    ("policy",),
    ("policy", "check"),
    ("audit",),
    ("audit", "export"),
    ("audit", "verify"),
    ("audit", "mirror"),
    ("audit", "extract"),
    ("audit", "events"),
    ("audit", "person"),
    ("backup",),
    ("backup", "keys"),
    ("backup", "restore-keys"),
    ("erasure",),
    ("erasure", "request"),
    ("erasure", "sign"),
    ("erasure", "cancel"),
    ("erasure", "list"),
    ("erasure", "execute"),
    ("officer", "key"),
    ("person", "proof"),
    ("authorisation", "pause"),
    ("authorisation", "resume"),
    ("authorisation", "revoke"),
    ("authorisation", "hold"),
    ("authorisation", "free"),
    ("person", "mandate", "list"),
    ("person", "mandate", "end"),
    ("timestamp",),
    ("witness",),
    ("witness", "key"),
    ("witness", "check"),
    ("witness", "compare"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(passerelle: Passerelle, command: tuple[str, ...]) -> None:
    """--help: exit 0, on stdout."""
    status, out, err = passerelle(*command, "--help")
    assert (status, err) == (0, "")
    assert "Usage" in out


@pytest.mark.parametrize("arguments", [("no-such",), ("audit", "no-such"), ("partner", "add"), ("settings", "--no")])
def test_misuse_ends_with_two(passerelle: Passerelle, arguments: tuple[str, ...]) -> None:
    """A command, option or argument that does not exist, or one that is missing."""
    status, out, err = passerelle(*arguments)
    assert (status, out) == (2, "")
    assert "Usage" in err


def test_python_dash_m_is_the_same_command(home: Path) -> None:
    """One real process, as the container starts it."""
    done = subprocess.run([sys.executable, "-m", "gateway", "--help"], capture_output=True, text=True, check=True)
    assert "passerelle" in done.stdout.lower()


def test_settings_are_listed_with_value_and_meaning(passerelle: Passerelle, home: Path) -> None:
    """Every setting, as the variable to set."""
    status, out, err = passerelle("settings")
    assert (status, err) == (0, "")
    assert f"PASSERELLE_HOME={home}" in out
    assert out.count("PASSERELLE_") >= 12


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("DATABASE_POOL", "1"),
        ("EXCHANGE_DEADLINE_SECONDS", "0"),
        ("EXCHANGE_DEADLINE_SECONDS", "61"),
        ("MAX_UNPUBLISHED_SECONDS", "4"),
        ("PUBLIC_URL", "http://passerelle.example.org"),
        ("PUBLIC_URL", "https://passerelle.example.org?x=1"),
        ("PUBLIC_URL", "ftp://127.0.0.1"),
        ("PUBLIC_URL", "passerelle"),
    ],
)
def test_a_setting_that_cannot_be_is_a_sentence(
    passerelle: Passerelle, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Exit 2, the variable by name, one line."""
    monkeypatch.setenv(f"PASSERELLE_{name}", value)
    status, out, err = passerelle("settings")
    assert (status, out) == (2, "")
    assert err.startswith(f"PASSERELLE_{name}: ")
    assert len(err.splitlines()) == 1


def registered(passerelle: Passerelle, home: Path) -> None:
    assert passerelle("database", "migrate")[0] == 0
    assert passerelle("partner", "key", str(home / "ml.pem"), "--jwks", str(home / "ml.jwks.json"))[0] == 0


def add(home: Path, **changes: str) -> list[str]:
    given = {"name": "ml-brume", "siret": SIRET, "jwks": str(home / "ml.jwks.json"), "scope": "data:rsa"} | changes
    name = given.pop("name")
    return ["partner", "add", name, *(part for option, value in given.items() for part in (f"--{option}", value))]


def test_a_partner_is_registered_once(passerelle: Passerelle, home: Path) -> None:
    """Registered; a second time refused with its code."""
    registered(passerelle, home)
    status, out, err = passerelle(*add(home))
    assert (status, out) == (0, ""), err
    assert "ml-brume is registered" in err
    status, out, err = passerelle(*add(home))
    assert (status, out) == (1, "")
    assert err.startswith("partner_exists: ")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"name": "nobody"}, "catalogue"),
        ({"siret": "99900105000015"}, "siret"),
        ({"scope": "data:everything"}, "scopes"),
        ({"jwks": "/nowhere/jwks.json"}, "jwks"),
    ],
)
def test_a_registration_that_cannot_be_is_a_sentence(
    passerelle: Passerelle, home: Path, changes: dict[str, str], word: str
) -> None:
    """Exit 1, the code, what is wrong; nothing registered."""
    registered(passerelle, home)
    status, out, err = passerelle(*add(home, **changes))
    assert (status, out) == (1, "")
    assert err.startswith("partner_invalid: ")
    assert word in err
    assert len(err.splitlines()) == 1
    assert passerelle(*add(home))[0] == 0


def test_a_key_set_that_is_no_key_set_is_refused(passerelle: Passerelle, home: Path) -> None:
    """JSON of another kind, or a private key where the public one goes."""
    registered(passerelle, home)
    wrong = home / "wrong.json"
    for content in ("[]", "{}", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', "not json"):
        wrong.write_text(content)
        status, _, err = passerelle(*add(home, jwks=str(wrong)))
        assert status == 1
        assert err.startswith("partner_invalid: ")
        assert "c2VjcmV0" not in err


def test_a_key_pair_is_private_to_its_owner_and_never_overwritten(passerelle: Passerelle, home: Path) -> None:
    """0600, and a second time refused."""
    registered(passerelle, home)
    path = home / "ml.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    [public] = json.loads((home / "ml.jwks.json").read_text())["keys"]
    assert "d" not in public
    before = path.read_bytes()
    status, out, err = passerelle("partner", "key", str(path), "--jwks", str(home / "again.json"))
    assert (status, out) == (1, "")
    assert err.startswith("partner_key_refused: ")
    assert path.read_bytes() == before
    assert not (home / "again.json").exists()


def test_a_token_that_cannot_be_asked_for_is_a_sentence(
    passerelle: Passerelle, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No gateway there, a file that is no key, a professional that is none."""
    registered(passerelle, home)
    monkeypatch.setenv("PASSERELLE_PUBLIC_URL", "http://127.0.0.1:1")
    ask = ["partner", "token", "ml-brume", "--scope", "data:rsa", "--key"]
    (home / "who.json").write_text('{"id": "x"}')
    for arguments in (
        [*ask, str(home / "ml.pem")],
        [*ask, str(home / "ml.jwks.json")],
        [*ask, "/nowhere"],
        [*ask, str(home / "ml.pem"), "--professional", str(home / "who.json")],
    ):
        status, out, err = passerelle(*arguments)
        assert (status, out) == (1, "")
        assert err.startswith("partner_key_refused: ")
        assert len(err.splitlines()) == 1


def test_a_good_catalogue_gives_its_digest(passerelle: Passerelle) -> None:
    """Exit 0, the digest on stdout."""
    status, out, err = passerelle("policy", "check")
    assert (status, err) == (0, "")
    assert len(out.strip()) == 64


def test_a_bad_catalogue_gives_file_line_and_reason(passerelle: Passerelle, tmp_path: Path) -> None:
    """Exit 1, every problem."""
    folder = tmp_path / "catalogue"
    folder.mkdir()
    (folder / "one.yaml").write_text("exchange: one\nunknown: key\n")
    status, out, err = passerelle("policy", "check", str(folder))
    assert (status, out) == (1, "")
    assert err.startswith("catalogue_invalid: ")
    assert "one.yaml:" in err


def test_tables_are_made_by_their_command_only(passerelle: Passerelle, home: Path) -> None:
    """Before `database migrate` nothing starts; it may be run again."""
    for arguments in (["partner", "add", "ml-brume", "--siret", SIRET, "--jwks", "x", "--scope", "data:rsa"],):
        (home / "x").write_text("{}")
        arguments[6] = str(home / "x")
        status, _, err = passerelle(*arguments)
        assert status == 1
        assert err.startswith("schema_outdated: ")
        assert "passerelle database migrate" in err
    for _ in range(2):
        status, out, err = passerelle("database", "migrate")
        assert (status, out) == (0, "")
        assert err


@pytest.fixture
def exported(passerelle: Passerelle, home: Path) -> Path:
    """A log of two entries, published once, exported."""
    import asyncio

    from gateway.services import open_services
    from gateway.settings import Settings

    async def publish() -> None:
        async with open_services(Settings()) as services:
            await services.publisher.publish_once(services.clock())

    registered(passerelle, home)
    assert passerelle(*add(home))[0] == 0
    asyncio.run(publish())
    status, out, err = passerelle("audit", "export", "--out", str(home / "log"))
    assert (status, out) == (0, "")
    assert "2 entries" in err
    return home / "log"


def test_an_exported_log_verifies_and_a_changed_one_does_not(passerelle: Passerelle, exported: Path) -> None:
    """Exit 0, then 1; as words and as JSON."""
    vkey = str(exported / "log.vkey")
    status, out, _ = passerelle("audit", "verify", str(exported), "--vkey", vkey)
    assert (status, "every check made held" in out) == (0, True)
    status, out, _ = passerelle("audit", "verify", str(exported), "--json")
    assert (status, json.loads(out)["ok"]) == (0, True)
    [bundle] = [path for path in (exported / "tile" / "entries").rglob("*") if path.is_file()]
    bundle.write_bytes(bundle.read_bytes().replace(b"ml-brume", b"ml-crime"))
    status, out, _ = passerelle("audit", "verify", str(exported), "--vkey", vkey, "--json")
    assert (status, json.loads(out)["ok"]) == (1, False)


def test_another_logs_key_does_not_verify(passerelle: Passerelle, exported: Path) -> None:
    """The key kept from elsewhere decides, not the one beside the log."""
    status, out, _ = passerelle("audit", "verify", str(exported), "--vkey", str(exported / "receipt.vkey"))
    assert status == 1
    assert "NOT INTACT" in out


@pytest.mark.parametrize("what", ["/nowhere", "receipt without key", "no receipt", "no key"])
def test_what_cannot_be_verified_is_a_sentence(passerelle: Passerelle, exported: Path, what: str) -> None:
    """Exit 2 with a code, no traceback."""
    vkey = str(exported / "receipt.vkey")
    arguments = {
        "/nowhere": ["/nowhere", "--vkey", vkey],
        "receipt without key": [vkey],
        "no receipt": [vkey, "--vkey", vkey],
        "no key": [str(exported), "--vkey", str(exported / "checkpoint")],
    }[what]
    status, out, err = passerelle("audit", "verify", *arguments)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1


def test_an_export_never_overwrites_another_log(passerelle: Passerelle, exported: Path) -> None:
    """Exit 1: the directory holds something else."""
    (exported / "checkpoint").write_text("something else\n")
    status, _, err = passerelle("audit", "export", "--out", str(exported))
    assert status == 1
    assert len(err.splitlines()) == 1


def test_an_extract_and_lines_for_a_monitor(passerelle: Passerelle, exported: Path, home: Path) -> None:
    """Picked by type and time; the extract verifies, its making is an entry, the lines go on where told."""
    out = home / "extract"
    span = ("--from", "2020-01-01", "--to", "2100-01-01T00:00:00+01:00")
    status, _, err = passerelle("audit", "extract", "--out", str(out), *span, "--type", "partner.registered")
    assert (status, err) == (0, f"1 entries in {out}\n")
    assert passerelle("audit", "verify", str(out), "--vkey", str(exported / "log.vkey"))[0] == 0
    status, told, _ = passerelle("audit", "events", "--from-index", "1", "--format", "ecs")
    assert status == 0
    assert [json.loads(line)["event"]["action"] for line in told.splitlines()] == ["partner.registered"]
    assert passerelle("audit", "events", "--from-index", "0", "--format", "xml")[0] == 1


@pytest.mark.parametrize(
    "given",
    [("--from", "yesterday", "--to", "2100-01-01"), ("--from", "2020-01-01", "--to", "2100-01-01", "--org", "x")],
)
def test_an_extract_of_what_is_no_filter_is_a_sentence(
    passerelle: Passerelle, exported: Path, home: Path, given: tuple[str, ...]
) -> None:
    """Exit 1 with its code; nothing is written."""
    status, out, err = passerelle("audit", "extract", "--out", str(home / "extract"), *given)
    assert (status, out) == (1, "")
    assert err.startswith("filter_refused: ")
    assert not (home / "extract").exists()


def test_a_mirror_of_nobody_is_a_sentence(passerelle: Passerelle, exported: Path, home: Path) -> None:
    """Exit 1: no gateway answers there."""
    (home / "token").write_text("t")
    arguments = ["--from-url", "http://127.0.0.1:1/log", "--token-file", str(home / "token")]
    vkey = ["--vkey", str(exported / "log.vkey")]
    status, out, err = passerelle("audit", "mirror", "--out", str(home / "mirror"), *arguments, *vkey)
    assert (status, out) == (1, "")
    assert err.startswith("mirror_refused: ")
