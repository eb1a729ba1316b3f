"""The command line in this very process: same entry point, exit code, both streams."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from connectors import sandbox

Passerelle = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, sources that nobody serves, SQLite."""
    found = tmp_path / "home"
    found.mkdir(mode=0o700)
    sources = tmp_path / "sources.yaml"
    sources.write_text(yaml.safe_dump(sandbox.sources("http://127.0.0.1:1")), "utf-8")
    monkeypatch.setenv("PASSERELLE_HOME", str(found))
    monkeypatch.setenv("PASSERELLE_SOURCES", str(sources))
    return found


@pytest.fixture
def passerelle(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Passerelle:
    """Run one command; gives its exit code, stdout and stderr."""
    from gateway.cli import main

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["passerelle", *arguments])
        capfd.readouterr()
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
        told = capfd.readouterr()
        return status, told.out, told.err

    return run
