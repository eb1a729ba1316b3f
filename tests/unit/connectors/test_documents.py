"""The reference says what the code does: every option, dataset, outcome and detail is in it."""

import re
from pathlib import Path

import pytest
import yaml

from connectors.base import DETAILS, Outcome
from connectors.config import _COMMON
from connectors.outcomes import FAULTS
from connectors.registry import build
from tests.unit.connectors.test_properties import SUPPLIES

ROOT = Path(__file__).parents[3]
REFERENCE = (ROOT / "docs" / "reference" / "connectors.md").read_text("utf-8")


@pytest.mark.parametrize(
    "name", [*_COMMON, *SUPPLIES, *Outcome, *filter(None, DETAILS), "scopes", "orientation_state", "organisation"]
)
def test_the_reference_names_it(name):
    """What an operator may write or read is explained in one place."""
    assert f"`{name}`" in REFERENCE


def test_the_meaning_of_a_detail_is_written_once():
    """The table is the list of the code."""
    table = dict(re.findall(r"^\| `([a-z_]+)` \| (.*) \|$", REFERENCE, re.MULTILINE))
    for code, meaning in DETAILS.items():
        if code:
            assert table[code] == meaning


def test_the_identifiers_of_the_reference_are_those_declared():
    """Each identifier that some dataset needs is in the row of that dataset."""
    rows = {
        name: needs
        for names, needs in re.findall(r"^\| (`.*?`) \| `\w+` \| (.*) \|$", REFERENCE, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    for dataset, supply in SUPPLIES.items():
        for need in supply.needs:
            assert all(f"`{identifier}`" in rows[dataset] for identifier in need)


def test_every_fault_is_a_documented_detail():
    """No code outside the closed list can come out of the client."""
    assert set(FAULTS) <= set(DETAILS)


async def test_the_example_of_the_reference_is_accepted():
    """The settings shown can be copied."""
    [example] = re.findall(r"```yaml\n(.*?)```", REFERENCE, re.DOTALL)
    for entry in yaml.safe_load(example).values():
        await build(entry).close()


def test_every_detail_in_the_code_is_in_the_closed_list():
    """Verdicts are written with literal codes."""
    sources = "\n".join(path.read_text("utf-8") for path in (ROOT / "connectors").glob("*.py"))
    used = set(re.findall(r'Verdict\([^)]*?"([a-z_]+)"', sources)) | set(re.findall(r'detail="([a-z_]+)"', sources))
    used |= set(re.findall(r'fault="([a-z_]+)"', sources))
    assert used <= set(DETAILS)
    assert len(used) > 15
