"""`passerelle role add | list | remove`, as an operator types them."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from connectors import sandbox
from gateway.cli import app
from gateway.serve import write_providers

MAIL, SIRET = "camille.vernier@professionnels.example", "99900103500016"
NAMED = ["--email", MAIL, "--siret", SIRET]


@pytest.fixture
def passerelle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command, in a home of its own."""
    import yaml

    (tmp_path / "sources.yaml").write_text(yaml.safe_dump(sandbox.sources("http://127.0.0.1:9")), "utf-8")
    write_providers(tmp_path / "providers.yaml", "http://127.0.0.1:9")
    for name, value in {
        "HOME": tmp_path / "var",
        "SOURCES": tmp_path / "sources.yaml",
        "IDENTITY_PROVIDERS": tmp_path / "providers.yaml",
    }.items():
        monkeypatch.setenv(f"PASSERELLE_{name}", str(value))

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(app, arguments)

    assert run("database", "migrate").exit_code == 0
    return run


def test_a_line_is_added_listed_and_removed(passerelle: Any) -> None:
    """The list shows what the operator wrote; nobody else can read it (the row is sealed)."""
    added = passerelle("role", "add", "dpo", "caf-brume", *NAMED)
    assert added.exit_code == 0, added.output
    line = added.stdout.strip()
    listed = passerelle("role", "list").stdout
    assert f"{line} dpo caf-brume proconnect {MAIL}" in listed
    assert "unused" in listed
    assert passerelle("role", "remove", line).exit_code == 0
    assert passerelle("role", "list").stdout == ""


def test_the_consortiums_dpo_is_said_to_be(passerelle: Any) -> None:
    """Whoever reads the list must see who sees everything."""
    passerelle("role", "add", "dpo", "gi-brume", "--consortium", "--sub", "abc")
    assert "gi-brume+consortium proconnect abc" in passerelle("role", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["dpo", "nobody", *NAMED], "not an institution of the catalogue"),
        (["dpo", "caf-brume"], "name an account"),
        (["dpo", "caf-brume", "--sub", "x", *NAMED], "name an account"),
        (["dpo", "caf-brume", "--email", MAIL], "needs the SIRET"),
        (["dpo", "caf-brume", "--email", MAIL, "--siret", "12"], "14 digits"),
        (["dpo", "caf-brume", "--email", "camille", "--siret", SIRET], "not an address"),
        (["operator", "gi-brume", "--consortium", *NAMED], "only a DPO"),
        (["dpo", "caf-brume", "--provider", "franceconnect", *NAMED], "name the identity provider"),
    ],
)
def test_a_line_that_cannot_be_is_refused_with_a_sentence(
    passerelle: Any, arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written."""
    from gateway.signin.errors import RoleInvalid

    done = passerelle("role", "add", *arguments)
    assert isinstance(done.exception, RoleInvalid)
    assert sentence in str(done.exception)
    assert MAIL not in str(done.exception)
    assert passerelle("role", "list").stdout == ""


def test_the_same_line_twice_or_none_is_refused(passerelle: Any) -> None:
    """Exit code 1 and a sentence, by the entry point."""
    from gateway.signin.errors import RoleInvalid

    assert passerelle("role", "add", "dpo", "caf-brume", *NAMED).exit_code == 0
    assert isinstance(passerelle("role", "add", "dpo", "caf-brume", *NAMED).exception, RoleInvalid)
    assert isinstance(passerelle("role", "remove", "0" * 32).exception, RoleInvalid)
    assert passerelle("role", "add", "boss", "caf-brume", *NAMED).exit_code == 2
