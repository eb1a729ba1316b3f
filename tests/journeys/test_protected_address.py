"""A protected address, as an operator notes and lifts it at the command line beside a gateway that runs."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from connectors import sandbox
from gateway.settings import Settings
from tests.bed import bed, served, settings_of

YOUTH = "support.youth"


def passerelle(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    values = settings.model_dump(mode="json", exclude_none=True)
    environment = os.environ | {f"PASSERELLE_{name.upper()}": str(value) for name, value in values.items()}
    command = [sys.executable, "-m", "gateway", "person", "situation", "--partner", "ml-brume", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


async def test_the_operator_notes_it_and_alone_lifts_it(tmp_path: Path) -> None:
    """From the command's end on the running gateway gives the address to nobody; unknown words change nothing."""
    named = ("--reference", "file-helene")
    async with (
        served(sandbox.build()) as sandbox_url,
        bed(tmp_path, database_url=f"sqlite:///{tmp_path}/passerelle.db", sandbox_url=sandbox_url) as town,
    ):
        settings = settings_of(tmp_path, database_url=f"sqlite:///{tmp_path}/passerelle.db", sandbox_url=sandbox_url)
        await town.partner("ml-brume")
        token = await town.token("ml-brume")
        pseudonym = await town.link(token, "helene-aubert", reference="file-helene")
        await town.authorise(token, "ml-brume", pseudonym, YOUTH)

        async def asked() -> int:
            return (await town.exchange(token, pseudonym, YOUTH, ["household.address"])).status_code

        statuses = [await asked()]
        for more in (["protected_address"], ["protected_address", "--over"]):
            done = await asyncio.to_thread(passerelle, settings, *named, *more)
            assert done.returncode == 0, done.stderr
            statuses.append(await asked())
        assert statuses == [200, 403, 200]
        for wrong in ([*named, "restriction"], ["--reference", "nobody", "protected_address"]):
            refused = await asyncio.to_thread(passerelle, settings, *wrong)
            assert refused.returncode == 1
            assert refused.stderr.startswith(("flag_unknown", "person_unknown"))
            assert "Traceback" not in refused.stderr
