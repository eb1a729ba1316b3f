"""The quick start works as written: its commands are run, in order, against the demo it starts."""

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "quick-start.md"


@pytest.fixture
def demo(tmp_path: Path, usual_ports: None):
    """`make demo`, in an empty folder."""
    for port in (8000, 8100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                pytest.fail(f"port {port} is taken: stop what listens there, the quick start names it")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    with (tmp_path / "demo.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "gateway", "demo"], cwd=tmp_path, stdout=log, stderr=log)
    try:
        for _ in range(3_000):
            told = (tmp_path / "demo.log").read_text("utf-8")
            if "A new one" in told or process.poll() is not None:
                break
            time.sleep(0.1)
        assert "--professional" in told, told
        yield tmp_path
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_every_command_of_the_quick_start_runs_and_shows_what_the_page_says(demo: Path) -> None:
    """Four steps, ten minutes for a person, seconds for a machine."""
    commands = re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(commands) == 3
    time.sleep(1.5)  # a reader is slower than the publisher, which signs each second
    shown = []
    for command in commands:
        done = subprocess.run(["bash", "-ec", command], cwd=demo, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        shown.append(done.stdout)
        if "exchanges" in command:
            time.sleep(1.5)  # idem: the receipt's entry is in the next checkpoint
    assert '"state":"released"' in shown[1]
    assert "The receipt holds: exchange.released of ml-brume" in shown[2]
    assert "intact, every check made held" in shown[2]
    assert "FAILED" not in shown[2]
