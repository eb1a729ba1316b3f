"""Readers verify while others write, on both engines (longer: `python -m tests.crash.hammer URL SECONDS`)."""

from pathlib import Path

from tests.crash.hammer import hammer


async def test_whatever_is_read_while_others_write_verifies(database_url: str, tmp_path: Path) -> None:
    """Receipts, each published head against the one before, and old entries in the newest tree."""
    done = await hammer(database_url, tmp_path, seconds=3)
    assert min(done["receipts"], done["consistency"], done["inclusion"]) > 3
    assert done["entries"] > done["acknowledged"] > 50
