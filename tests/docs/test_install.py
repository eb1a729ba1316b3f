"""Installed as the page says, from a wheel, the gateway has its description and its guides with it."""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml

from connectors import sandbox
from gateway.processes import free_port

ROOT = Path(__file__).parents[2]
SOURCES = ("gateway", "connectors", "consent", "policies", "audit", "openapi", "docs")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what `pip install --no-deps .` puts beside the dependencies; nothing of the checkout."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name in SOURCES:
        left_out = shutil.ignore_patterns("__pycache__", "pictures")
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=left_out)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-index"]
    command = [*pip, "--no-build-isolation", "--no-compile", "--target", folder, source]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.rmtree(source)
    return folder


def test_an_installed_gateway_serves_its_description_and_its_guides(installed: Path, tmp_path: Path) -> None:
    """Of the same bytes as the checkout, from the folder it was installed in."""
    port = free_port(20_000 + random.randrange(10_000))  # noqa: S311  no secret
    (tmp_path / "sources.yaml").write_text(yaml.safe_dump(sandbox.sources("http://127.0.0.1:9")))  # nobody asks them
    told = {"HOME": tmp_path / "var", "PORT": port, "PUBLIC_URL": f"http://127.0.0.1:{port}"}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(installed)}
    environment |= {f"PASSERELLE_{name}": str(value) for name, value in told.items()}
    passerelle = [sys.executable, "-m", "gateway"]
    subprocess.run([*passerelle, "database", "migrate"], cwd=tmp_path, env=environment, check=True, capture_output=True)
    with (tmp_path / "serve.log").open("wb") as log:
        serving = subprocess.Popen([*passerelle, "serve"], cwd=tmp_path, env=environment, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=str(told["PUBLIC_URL"])) as http:
            wait_for(http, serving, tmp_path / "serve.log")
            assert http.get("/openapi.yaml").content == (ROOT / "openapi" / "gateway.yaml").read_bytes()
            for path in [*ROOT.glob("docs/how-to/install.md"), *ROOT.glob("docs/adr/0001-*.md")]:
                guide = http.get(f"/docs/guides/{path.parent.name}/{path.stem}")
                assert guide.status_code == 200
                assert path.read_text("utf-8").split("\n", 1)[0].lstrip("# ") in guide.text
            listed = http.get("/docs/guides").text
            assert all(f"/{path.stem}" in listed for path in ROOT.glob("docs/*/*.md"))
    finally:
        serving.terminate()
        serving.wait(20)


def wait_for(http: httpx.Client, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until it answers; what it said when it ends instead."""
    for _ in range(600):
        assert process.poll() is None, log.read_text("utf-8")
        try:
            http.get("/livez")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text("utf-8"))
