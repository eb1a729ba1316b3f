"""The reference tells everything that exists: settings, error codes, endpoints, commands, packages."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

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


def test_every_setting_is_in_the_reference_with_its_description() -> None:
    """docs/reference/settings.md lists what `passerelle settings` lists."""
    text = (DOCS / "reference" / "settings.md").read_text("utf-8")
    for name, field in Settings.model_fields.items():
        assert f"`PASSERELLE_{name.upper()}`" in text
        assert field.description in text


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
