"""What the pages about the sandbox say is what the sandbox does; their commands run."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import connectors.sandbox
from connectors.sandbox import PREFIXES, credentials
from connectors.sandbox.identity_profiles import professionals
from connectors.sandbox.people import Person

ROOT = Path(__file__).parents[3]
REFERENCE = (ROOT / "docs/reference/sandbox.md").read_text("utf-8")
HOW_TO = (ROOT / "docs/how-to/sandbox.md").read_text("utf-8")


def table(everybody: dict[str, Person]) -> str:
    lines = [
        "| Person | France Travail number | CAF | France Travail | Département | What happens |",
        "|---|---|---|---|---|---|",
    ]
    for person in everybody.values():
        cells = [f"`{person.id}`", person.numbers.get("ft_number", "")]
        for standing in person.standings.values():
            own = ", ".join(f"{call}: `{situation}`" for call, situation in standing.calls.items())
            cells.append(f"`{standing.situation}`" + (f" ({own})" if own else ""))
        lines.append(f"| {' | '.join([*cells, person.summary['en']])} |")
    return "\n".join(lines)


def test_the_table_of_people_is_the_files(everybody: dict[str, Person]) -> None:
    """A person who is added, changed or removed changes the page: paste what this test prints."""
    [shown] = re.findall(r"<!-- people -->\n(.*?)\n<!-- /people -->", REFERENCE, re.DOTALL)
    assert shown == table(everybody), f"docs/reference/sandbox.md should say:\n{table(everybody)}"


def test_every_situation_has_its_line() -> None:
    """What a file may say is what the page explains."""
    schema = yaml.safe_load((Path(connectors.sandbox.__file__).parent / "person.schema.yaml").read_text("utf-8"))
    for institution in ("caf-brume", "ft-brume", "dept-brume"):
        for situation in schema["properties"][institution]["properties"]["situation"]["enum"]:
            assert f"`{situation}`" in REFERENCE.partition("## Situations")[2]


def test_every_prefix_and_credential_is_told() -> None:
    """The page is enough to call the sandbox."""
    for prefix in PREFIXES:
        assert f"| `{prefix}` |" in REFERENCE
    known: Any = credentials()
    names = [*known["api-particulier"]["tokens"], *known["rdv-insertion"]["agents"]]
    for provider in ("france-travail", "franceconnect", "proconnect"):
        for name, row in known[provider]["clients"].items():
            names += [name, row["secret"]]
    assert [name for name in names if f"`{name}`" not in REFERENCE] == []


def test_professionals_have_a_siret_with_its_key() -> None:
    """A gateway that checks the key must not refuse them."""
    for account in professionals().values():
        digits = [int(digit) for digit in account.claims["siret"]]
        doubled = [value * (2 - position % 2) for position, value in enumerate(digits)]
        assert sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


@pytest.mark.parametrize("script", re.findall(r"```sh\n(.*?)```", HOW_TO, re.DOTALL))
def test_the_commands_of_the_page_run(script: str, served: str) -> None:
    """Every block of commands, against a sandbox on another port."""
    if shutil.which("curl") is None:
        pytest.fail("curl is missing: `make test` installs it, or run `apt-get install curl`")
    script = script.replace("http://127.0.0.1:8100", served).replace("curl -sS", "curl -sS --fail")
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert ('"valeur":512' in done.stdout) == ("quotient_familial" in script)
    assert ('{"down":["caf-brume"]' in done.stdout) == ("outage" in script)


def test_the_program_of_the_page_runs(served: str) -> None:
    """The walk through France Travail prints what the page says."""
    [program] = re.findall(r"```python\n(.*?)```", HOW_TO, re.DOTALL)
    program = program.replace("http://127.0.0.1:8100", served)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.returncode) == ("Inscrit\n", 0), done.stderr
