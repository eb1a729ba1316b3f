"""The emergency stop, turned on by a command beside a gateway that exchanges."""

from pathlib import Path
from typing import Any

import pytest

from audit.errors import EntryInvalid
from connectors import sandbox
from tests.api.conftest import check_problem
from tests.bed import Bed, bed, open_bed, served, settings_of

YOUTH = "support.youth"


async def test_nothing_leaves_from_its_entry_on(tmp_path: Path, database_url: str) -> None:
    """A process that has not looked yet is stopped by the gate; one that has asks no source; then it goes on."""
    async with (
        served(sandbox.build()) as sandbox_url,
        bed(tmp_path, database_url=database_url, sandbox_url=sandbox_url) as town,
        open_bed(
            settings_of(tmp_path, database_url=database_url, sandbox_url=sandbox_url), sandbox_url=sandbox_url
        ) as other,
    ):
        await town.partner("ml-brume")
        token = await town.token("ml-brume")
        pseudonym = await town.link(token, "lucas-perrin")
        await town.authorise(token, "ml-brume", pseudonym, YOUTH)

        async def asked() -> Any:
            return await town.exchange(token, pseudonym, YOUTH, ["rsa"])

        assert (await asked()).status_code == 200
        assert await other.services.freeze.turn(on=True, reason="drill", now=other.services.clock())
        before = await town.size()
        check_problem(await asked(), 503, "incident_freeze")
        assert await types(town, before) == ["exchange.decided"]
        assert await town.services.freeze.look()
        check_problem(await asked(), 403, "exchange_denied", reasons=["incident_freeze"])
        ready = (await town.http.get("/readyz")).json()
        assert ready["checks"]["exchanges"] == "incident_freeze"
        assert not await other.services.freeze.turn(on=True, reason="drill", now=other.services.clock())
        assert await other.services.freeze.turn(on=False, reason="drill", now=other.services.clock())
        await town.services.freeze.look()
        assert (await asked()).status_code == 200
        told = [entry["on"] for entry in await town.journal() if entry["type"] == "gateway.frozen"]
        assert told == [True, False]


async def test_a_reason_is_a_code(tmp_path: Path) -> None:
    """Nothing somebody might write about a person."""
    async with bed(
        tmp_path, database_url=f"sqlite:///{tmp_path}/passerelle.db", sandbox_url="http://127.0.0.1:9"
    ) as town:
        with pytest.raises(EntryInvalid):
            await town.services.freeze.turn(on=True, reason="Madame Durand a téléphoné", now=town.services.clock())
        assert not await town.services.freeze.look()


async def types(town: Bed, since: int) -> list[str]:
    return [entry["type"] for entry in await town.journal(since)]
