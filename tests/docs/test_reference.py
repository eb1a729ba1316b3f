"""The documents tell everything that exists: error codes, settings, commands, packages, dependencies.

Endpoints are held to the OpenAPI description by `test_openapi.py`, entries of the journal by `test_journal.py`.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from gateway.cli import app
from gateway.problems import PROBLEMS, page
from gateway.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_every_error_code_has_its_section_as_the_gateway_serves_it() -> None:
    """docs/reference/errors.md is the table of gateway/problems.py, page by page."""
    text = (DOCS / "reference" / "errors.md").read_text("utf-8")
    missing = [code for code in PROBLEMS if page(code) not in text]
    assert not missing
    assert re.findall(r"^## `(\w+)`", text, re.MULTILINE) == list(PROBLEMS)


def test_the_reference_of_settings_is_the_settings() -> None:
    """docs/reference/settings.md has a row for each, with its default and its description, and no other."""
    text = (DOCS / "reference" / "settings.md").read_text("utf-8")
    told = {row[0]: row[1:] for row in re.findall(r"^\| `PASSERELLE_(\w+)` \| (.*?) \| (.*) \|$", text, re.MULTILINE)}
    defaults = {name: str(field.default) for name, field in Settings.model_fields.items()}
    defaults["catalogue"] = "the packaged catalogue"
    assert told == {
        name.upper(): (f"`{defaults[name]}`" if defaults[name] else "empty", field.description)
        for name, field in Settings.model_fields.items()
    }


def test_every_command_is_in_a_document() -> None:
    """Each that exists is written out in a page, and each that a console of a page types exists."""
    exist = set(_commands(typer.main.get_command(app)))
    text = "\n".join(path.read_text("utf-8") for path in (*DOCS.rglob("*.md"), ROOT / "README.md"))
    assert [name for name in sorted(exist) if not re.search(rf"(?:passerelle |python -m |make |`){name}\b", text)] == []
    typed = re.findall(r"^(?:\$ )?passerelle (\w[\w-]*)(?: (\w[\w-]*))?", text, re.MULTILINE)
    assert [words for words in typed if not exist & {words[0], " ".join(words)}] == []


def test_every_link_of_the_documents_leads_somewhere() -> None:
    """No document points at a file that is not there."""
    documents = [*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("*/README.md")]
    broken = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in documents
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", document.read_text("utf-8"))
        if not (document.parent / target).exists()
    ]
    assert not broken


def _commands(command: Any, before: str = "") -> Iterator[str]:
    """The names of all that can be run."""
    for name, each in command.commands.items():
        if hasattr(each, "commands"):
            yield from _commands(each, f"{before}{name} ")
        else:
            yield f"{before}{name}"


@pytest.mark.parametrize("package", ["gateway", "connectors", "consent", "policies", "audit"])
def test_every_package_has_a_readme_of_one_screen(package: str) -> None:
    """What it is for, what to open first, what it will never do: at most 60 lines."""
    text = (ROOT / package / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 60
    assert "never" in text.lower()


def test_every_decision_record_says_how_it_is_enforced() -> None:
    """An ADR without a check is a wish."""
    for record in (DOCS / "adr").glob("*.md"):
        assert "**Enforced by**" in record.read_text("utf-8"), record.name


def test_every_dependency_has_its_line_in_the_decision_about_them() -> None:
    """What runs in production was looked at: ADR 1 names each library of pyproject.toml, and no other."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = [re.split(r"[^a-z0-9-]", requirement)[0] for requirement in project["dependencies"]]
    table = (DOCS / "adr" / "0001-shape-and-dependencies.md").read_text("utf-8").partition("| --- | --- | --- |\n")[2]
    assert sorted(re.findall(r"^\| ([a-z0-9-]+)", table, re.MULTILINE)) == declared


def test_the_openapi_description_is_valid_and_names_the_problem_shape() -> None:
    """OpenAPI 3.1, parsed by an independent validator."""
    from openapi_spec_validator import validate

    validate(yaml.safe_load((ROOT / "openapi" / "gateway.yaml").read_text("utf-8")))
