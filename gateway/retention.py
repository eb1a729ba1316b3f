"""`passerelle audit shards` and `audit prune`: what the log consists of, and removing what is old enough."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection

from audit import shards
from audit.errors import NotPublished
from audit.retention import plan, prune, pruned_before, sweep
from audit.store import Store
from audit.tiles import newest_checkpoint
from audit.years import months_before
from gateway.database import open_database
from gateway.services import open_services
from gateway.settings import Settings
from gateway.witnesses import read_policy


async def list_shards(settings: Settings) -> list[str]:
    """A line per year of the log."""
    async with open_database(settings.main_url) as store:
        return await store.read(_lines)


def _lines(connection: Connection) -> list[str]:
    lines = []
    for shard in shards.every(connection):
        try:
            published = f"{newest_checkpoint(connection, shard)[0]} published"
        except NotPublished:
            published = "nothing published"
        state = "open" if shard.closed_at is None else f"closed {_day(shard.closed_at)}"
        pruned = f", entries before {min(shard.minimum, shard.size)} pruned" if shard.minimum else ""
        lines.append(f"{shard.origin}  {shard.size} entries from position {shard.first}, {published}, {state}{pruned}")
    return lines


async def prune_log(settings: Settings, *, whole: Sequence[str], really: bool) -> list[str]:
    """Tell what is old enough to go, a line each, and with `really` remove it."""
    async with open_services(settings) as services:
        now, months = services.clock(), settings.retention_months
        quorum = bool(settings.witness_policy) and not read_policy(settings.witness_policy).satisfied(())
        before = months_before(now, months)
        work = partial(plan, before=before, quorum=quorum, whole=[_origin(settings, name) for name in whole])
        cuts = await services.store.read(work)
        lines = []
        for cut in cuts:
            if really:
                why = settings.retention_justification if months > 12 else ""
                await prune(services.journal, services.store, cut, months=months, justification=why, now=now)
            end = " and its tiles; the final checkpoint stays" if cut.whole else ""
            lines.append(f"{cut.shard.origin}  {cut.entries} entries from before {_day(before)}{end}")
        if really:
            await sweep(services.store)
        return [*lines, await _border(services.store)] if really else lines


async def _border(store: Store) -> str:
    return f"Entries before position {await store.read(pruned_before)} are gone."


def _origin(settings: Settings, name: str) -> str:
    """A shard may be named by its year alone."""
    return name if "/" in name else f"{settings.origin}/{name}"


def _day(now: int) -> str:
    return datetime.fromtimestamp(now / 1000, UTC).date().isoformat()
