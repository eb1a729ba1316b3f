"""The pages on rotation and retention: every command on them runs, in order."""

import asyncio
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.settings import Settings
from tests.unit.gateway.conftest import home, passerelle
from tests.unit.gateway.test_shards_and_keys import fill, publish

PAGES = Path(__file__).parents[2] / "docs" / "how-to"

__all__ = ["home", "passerelle"]


def commands(page: str) -> list[list[str]]:
    """What a reader types."""
    blocks = re.findall(r"```sh\n(.*?)```", (PAGES / page).read_text("utf-8"), re.DOTALL)
    return [shlex.split(line)[1:] for block in blocks for line in block.splitlines()]


def test_the_page_on_retention_removes_a_year_of_2024(passerelle, home: Path) -> None:
    """First told, then done, then the rest of the year."""
    passerelle("database", "migrate")
    asyncio.run(fill(Settings()))
    told = [passerelle(*each) for each in commands("retention.md")]
    assert [status for status, _, _ in told] == [0] * 4
    assert "300 entries from before" in told[1][1]
    assert "Nothing was removed" in told[1][2]
    assert [out.splitlines()[-1] for _, out, _ in told[2:]] == ["Entries before position 300 are gone."] * 2
    assert str(datetime.now(UTC).year) in passerelle("audit", "shards")[1]


@pytest.mark.parametrize("use", ["log", "receipt", "witness"])
def test_the_page_on_rotation_replaces_each_key(passerelle, home: Path, use: str) -> None:
    """As written for the log; the same words for the other two."""
    passerelle("database", "migrate")
    typed = [[use if word == "log" else word for word in each] for each in commands("rotate-keys.md")]
    assert [each[:2] for each in typed] == [["key", "rotate"], ["key", "list"], ["key", "retire"]]
    for each in typed:
        status, out, told = passerelle(*each)
        assert status == 0, told
        assert out
        asyncio.run(publish(Settings()))
    assert not list(Settings().keys_folder.glob("*.next.key"))
