"""The page on verifying works as written: its commands are run, in order, against a gateway over HTTP."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from connectors import sandbox
from gateway.app import build_app
from tests.bed import bed, served

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "verify.md"


async def test_every_command_of_the_page_holds(tmp_path: Path) -> None:
    """Copy, receipt, proof, two checkpoints, extract, mirror, lines: each command ends with 0 and says so."""
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir(mode=0o700)
    work.mkdir()
    async with (
        served(sandbox.build()) as sandbox_url,
        bed(home, database_url=f"sqlite:///{home}/passerelle.db", sandbox_url=sandbox_url) as gateway,
    ):
        services = gateway.services
        await gateway.partner("ml-brume")
        await services.publisher.publish_once(services.clock())
        (work / "kept").write_text((await services.log.served()).note)
        token = await gateway.token("ml-brume")
        pseudonym = await gateway.link(token, "lucas-perrin")
        await gateway.authorise(token, "ml-brume", pseudonym, "support.youth")
        answer = await gateway.exchange(token, pseudonym, "support.youth", ["rsa"])
        (work / "receipt.json").write_text(json.dumps(answer.json()["proof"]["receipt"]))
        await services.publisher.publish_once(services.clock())
        index = answer.json()["proof"]["receipt"]["index"]
        async with served(build_app(services)) as url:
            environment = os.environ | {
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
                "PASSERELLE_HOME": str(home), "PASSERELLE_SOURCES": str(home / "sources.yaml"),
                "PASSERELLE_DATABASE_URL": f"sqlite:///{home}/passerelle.db",
                "TOKEN": token, "GATEWAY": url,
            }  # fmt: skip
            commands = re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
            assert len(commands) == 9
            told = []
            for command in commands:
                placed = command.replace("entries/0/", f"entries/{index}/").replace("> 0.", f"> {index}.")
                placed = placed.replace("verify 0.tlog-proof 0.json", f"verify {index}.tlog-proof {index}.json")
                done = await asyncio.to_thread(
                    subprocess.run,
                    ["bash", "-ec", placed], cwd=work, env=environment, capture_output=True, text=True, check=False,
                )  # fmt: skip
                assert done.returncode == 0, (command, done.stdout, done.stderr)
                told.append(done.stdout)
    assert told[1].count("\n") == 20
    assert "The receipt holds: exchange.released of ml-brume" in told[2]
    assert "exchange.released of ml-brume" in told[3]
    assert "the log given had this head" in told[4]
    assert "is an extension of" in told[5]
    assert "1 entries, each in the tree" in told[6]
    assert (work / "mirror/tile").is_dir()
    assert (
        "log.read" in (work / "events.jsonl").read_text() or "exchange.released" in (work / "events.jsonl").read_text()
    )


@pytest.mark.parametrize("name", ["export", "mirror", "extract", "events", "verify"])
def test_the_page_names_every_command(name: str) -> None:
    """A command nobody is told of is not there."""
    assert f"passerelle audit {name}" in PAGE.read_text("utf-8")
