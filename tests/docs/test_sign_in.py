"""The trial of the page on sign-in runs as it is written: a DPO is on the list, the gateway shows its door."""

import os
import re
import subprocess
import sys
from pathlib import Path

from gateway.processes import free_port

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "sign-in.md").read_text("utf-8")


def test_the_trial_runs_from_an_empty_folder(tmp_path: Path) -> None:
    """Rule: only the ports are others, and the gateway is asked for its page while it runs."""
    trial, *_ = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "passerelle").write_text(f'#!/bin/sh\nexec {sys.executable} -m gateway "$@"\n')
    (tmp_path / "passerelle").chmod(0o755)
    port = free_port(0)
    trial = trial.replace("passerelle sandbox", f"passerelle sandbox --port {free_port(0)}")
    script = f"""set -m
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
{trial.strip()} &
until curl -sf http://127.0.0.1:{port}/livez > live; do sleep 0.2; done
passerelle role list
curl -sS http://127.0.0.1:{port}/signin
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PASSERELLE_")} | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PASSERELLE_PORT": str(port),
        "PASSERELLE_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    done = subprocess.run(
        ["bash", "-euc", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "dpo" in done.stdout
    assert "caf-brume" in done.stdout
    assert "FranceConnect (bac à sable)" in done.stdout
