"""Every named tampering is rejected by a named check, and by the foreign tools that cover it: as the document says."""

import re
import shutil
from pathlib import Path

import pytest

from audit.evidence import verify_paths
from audit.policy import parse_policy
from audit.trust import Trust
from tests.foreign.conftest import Made
from tests.foreign.tamper import TAMPERINGS
from tests.foreign.tools import TOOLS

DOCUMENT = Path(__file__).parents[2] / "docs" / "explanation" / "journal.md"
HEADER = f"| Tampering | Our checks | {' | '.join(TOOLS)} |"


def rejected_by(made: Made, copy: Path) -> list[str]:
    """The names of our checks that fail, for whoever holds the key, the policy and an older head."""
    held = copy.with_name("held")
    held.write_text(made.held, "utf-8")
    policy = parse_policy(f"log {made.vkey}\nwitness W1 {made.vkeys[1]}\nquorum W1\n")
    reports = verify_paths([copy, held], Trust((made.vkey,), policy))
    return list(dict.fromkeys(name for report in reports for name in report.failed()))


def row(made: Made, copy: Path, what: str) -> str:
    """What happens to it, as a line of the table."""
    ours = ", ".join(rejected_by(made, copy)) or "none"
    theirs = ["refuses" if tool(copy, made.vkeys, made.held) else "accepts" for tool in TOOLS.values()]
    return f"| {what} | {ours} | {' | '.join(theirs)} |"


def table() -> list[str]:
    """The lines of the document's table."""
    _, _, after = DOCUMENT.read_text("utf-8").partition(f"{HEADER}\n")
    assert after, "the table of tamperings is missing"
    return re.split(r"\n(?!\|)", after)[0].split("\n")[1:]


def test_untouched_it_is_accepted_by_all(made: Made, tmp_path: Path) -> None:
    """The table means something only beside a log that everybody accepts."""
    copy = shutil.copytree(made.copy, tmp_path / "copy")
    assert row(made, copy, "nothing") == f"| nothing | none | {' | '.join('accepts' for _ in TOOLS)} |"


@pytest.mark.parametrize("what", TAMPERINGS)
def test_a_tampering_is_rejected_as_the_document_says(made: Made, tmp_path: Path, what: str) -> None:
    """By at least one of our checks, and by exactly the tools that the table names."""
    copy = shutil.copytree(made.copy, tmp_path / "copy")
    TAMPERINGS[what](made, copy)
    happened = row(made, copy, what)
    assert "| none |" not in happened
    assert happened in table()


def test_the_document_tells_of_no_other_tampering() -> None:
    """A line without its test would be a promise."""
    assert [line.split(" | ")[0].removeprefix("| ") for line in table()] == list(TAMPERINGS)
