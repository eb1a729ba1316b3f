"""Promise P3 where it must hold: several gateways, one PostgreSQL, one of them killed; judged from the journal alone.

The short form of `python -m tests.journeys.race 60`; its counts are in docs/explanation/withdrawal.md.
"""

from pathlib import Path

from tests.conftest import PostgresServer
from tests.journeys.race import racing

SECONDS = 10


async def test_nothing_leaves_after_a_stop_while_several_gateways_race(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    """Withdrawn, paused, narrowed, objected to, invalidated, on the same few people, under load."""
    async with racing(tmp_path, postgres.create_database()) as race:
        await race.run(SECONDS)
        found = await race.judged(tmp_path / "copy")
        journal = await race.bed.journal()
    assert (found["code"], found["ok"], found["counts"]["releases_after"]) == (0, True, 0), found["checks"]
    written = {index: entry["type"] for index, entry in enumerate(journal) if index in race.acknowledged}
    assert written == race.acknowledged  # what a person was told is in the journal, where they were told
    counts = found["counts"]
    assert race.answers["200"] <= counts["releases"] <= race.answers["200"] + race.answers["killed"]
    assert counts["refused_by_guard"] >= race.answers["409"] > 0
    assert min(counts["releases"], len(race.acknowledged)) > 10
    assert {"withdrawn", "paused", "objection_lodged"} <= counts["changes"].keys()
