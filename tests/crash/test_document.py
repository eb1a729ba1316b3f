"""The table of crashes in the document names every file of trials, and no other."""

import re
from pathlib import Path

HERE = Path(__file__)
DOCUMENT = HERE.parents[2] / "docs" / "explanation" / "journal.md"


def test_the_table_names_each_file_of_trials() -> None:
    """A line without its trial would be a promise, a trial without its line a secret."""
    _, _, after = DOCUMENT.read_text("utf-8").partition("| Trouble | Result | Trials |\n")
    named = set(re.findall(r"\| `(test_\w+)` \|$", after.split("\n\n")[0], re.MULTILINE))
    assert named == {path.stem for path in HERE.parent.glob("test_*.py")} - {HERE.stem}
