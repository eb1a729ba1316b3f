"""`make demo ONCE=1`: the story is told to its end, and a step that is not as expected ends it with 1."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("usual_ports")


def test_the_story_is_told_to_its_end(tmp_path: Path) -> None:
    """Exit 0 only when every step was as expected."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "demo", "--once"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("✓") == 17
    assert "the copy is caught" in done.stdout


def test_a_step_that_is_not_as_expected_ends_the_story_with_1(tmp_path: Path) -> None:
    """The demo checks what it sees: with somebody for whom every institution answers, nobody is down."""
    code = (
        "import asyncio, sys; from gateway import demo;"
        "demo.AMINA = demo.LUCAS; sys.exit(asyncio.run(demo.tell(once=True)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Not as expected" in done.stdout
