"""The page for outside testers: every command of it runs, in order, in one shell, and shows what the page says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.processes import free_port

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "test-the-oauth-server.md").read_text("utf-8")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """What each block printed."""
    folder = tmp_path_factory.mktemp("tester")
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    (folder / "passerelle").write_text(f'#!/bin/sh\nexec {sys.executable} -m gateway "$@"\n')
    (folder / "passerelle").chmod(0o755)
    script = "set -m\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
    script += "".join(f"{block}\necho '=== end of block'\n" for block in blocks)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PASSERELLE_")} | {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PORT": str(free_port(0)),
        "SANDBOX_PORT": str(free_port(0)),
    }
    done = subprocess.run(
        ["bash", "-euc", script], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=180
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split("=== end of block\n")[:-1], folder


def test_every_block_runs(shown: tuple[list[str], Path]) -> None:
    """Start, register, use, refuse, stop; the metadata names the endpoints that the page names."""
    blocks, folder = shown
    assert len(blocks) == 5
    metadata = json.loads((folder / "metadata.json").read_text())
    for name in re.findall(r"`(/oauth/[a-z]+)`", PAGE):
        if name != "/oauth/introspect":
            assert f"{metadata['issuer']}{name}" in metadata.values(), name
    assert [line.split("  ")[:3] for line in blocks[1].splitlines()] == [
        ["ml-brume", "active", "dpop"],
        ["siae-brume", "active", "bearer"],
    ]


def test_a_token_works_once_per_proof(shown: tuple[list[str], Path]) -> None:
    """200, then 401."""
    blocks, _ = shown
    assert blocks[2].split() == ["200", "401"]


def test_what_must_be_refused_is(shown: tuple[list[str], Path]) -> None:
    """A shared secret, and a body that is no form: the RFC's errors, nothing of ours repeated."""
    first, status, second, other = shown[0][3].splitlines()
    assert (json.loads(first)["error"], status) == ("invalid_client", "401")
    assert (json.loads(second)["error"], other) == ("invalid_request", "400")
    assert "guess" not in first


def test_every_option_of_the_page_exists(shown: tuple[list[str], Path]) -> None:
    """The table names what `passerelle partner add` takes."""
    told = subprocess.run(
        [sys.executable, "-m", "gateway", "partner", "add", "--help"],
        capture_output=True, text=True, check=True, env=os.environ | {"COLUMNS": "200"},
    ).stdout  # fmt: skip
    for option in re.findall(r"^\| `(--[a-z-]+)", PAGE, re.MULTILINE):
        assert option in told
