"""`passerelle key rotate | retire | list`: the journal's keys step by step, others by the clock.

    rotate  1 draw the next key, staged: nobody signs with it   2 journal `key.scheduled`, with the time of its turn
            3 give its file the name that holds this time: each process publishes it, and signs with it from then on
            4 remove the files of keys that nobody has to believe any more

Killed in between, nothing has happened (1, 2) or everything (3); run again, the staged key is taken, not another one.
On a further host of the same gateway, bring the new file there under the same name before its turn.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from audit.canonical import Json
from audit.cosignature import create_cosigner
from audit.errors import RotationRefused
from audit.files import sync_directory
from audit.journal import Draft
from audit.keys import create_key
from audit.ring import Ring
from audit.rotation import alone, published_keys, retire, rotate
from audit.succession import KINDS, PublishedKey
from gateway.database import open_database
from gateway.key_schedule import Schedule
from gateway.keys import GatewayKeys, load, wall_clock
from gateway.services import open_services
from gateway.settings import Settings
from gateway.signals.signing import kid

CREATE: dict[str, Callable[[Path, str], Any]] = {"log": create_key, "receipt": create_key, "witness": create_cosigner}

KID: dict[str, Callable[[Any], str]] = {"token": lambda key: key.kid, "signals": lambda key: kid(key.vkey)}


@dataclass(frozen=True, slots=True)
class Turn:
    """A key by its RFC 7638 thumbprint, and from when it signs (ms UTC; 0: from the beginning)."""

    key: str
    since: int
    state: str


def schedules(keys: GatewayKeys) -> dict[str, Schedule[Any]]:
    """The keys whose turn comes by the clock, by use."""
    return {"token": keys.tokens, "signals": keys.signals}


def rings(keys: GatewayKeys) -> dict[str, Ring[Any]]:
    """The keys that rotate this way, by use."""
    return {use: getattr(keys, use) for use in KINDS}


async def rotate_key(settings: Settings, use: str) -> str:
    """Start an overlap; gives the public text of the key that takes over."""
    async with open_services(settings) as services:
        ring = rings(services.keys)[use]
        return str(await rotate(services.journal, services.store, ring, create=CREATE[use], now=services.clock()))


async def retire_key(settings: Settings, use: str) -> str:
    """End an overlap; gives the public text of the key that has gone."""
    async with open_services(settings) as services:
        ring = rings(services.keys)[use]
        return str(await retire(services.journal, services.store, ring, now=services.clock()))


async def schedule_key(settings: Settings, use: str, *, exposed: bool = False) -> Turn:
    """Let the next key of tokens or signals take over in time; at once, and alone, when the former were exposed."""
    async with open_services(settings) as services:
        schedule, now = schedules(services.keys)[use], services.clock()
        with alone(schedule.folder):
            if not exposed and any(start > now for start in schedule.turns()):
                raise RotationRefused("a key waits for its turn: see `passerelle key list`")
            if not schedule.staged.exists():
                schedule.create(schedule.staged)  # 1
                sync_directory(schedule.folder)
            key, start = KID[use](schedule.load(schedule.staged)), now if exposed else now + schedule.ahead_ms
            members: dict[str, Json] = {"use": use, "key": key, "from": start}
            gone = list(schedule.turns()) if exposed else schedule.over(now)
            if exposed:
                members["exposed"] = [KID[use](each) for each in schedule.turns().values()]
            await services.journal.append(Draft(type="key.scheduled", members=members, time=now))  # 2
            schedule.staged.rename(schedule.file(start))  # 3
            sync_directory(schedule.folder)
            for former in gone:  # 4
                schedule.file(former).unlink(missing_ok=True)
            sync_directory(schedule.folder)
            return Turn(key, start, "next" if start > now else "signing")


def list_turns(settings: Settings, use: str) -> list[Turn]:
    """The keys of tokens or signals that this host holds, oldest first."""
    schedule, now = schedules(load(settings))[use], wall_clock()
    signing, believed = schedule.signing, schedule.current()
    return [
        Turn(
            KID[use](key),
            start,
            "next" if start > now else "signing" if key is signing else "former" if key in believed else "over",
        )
        for start, key in schedule.turns().items()
    ]


async def list_keys(settings: Settings) -> list[PublishedKey]:
    """Every public key ever used, as `GET /log/keys` gives them."""
    current = {use: ring.vkeys for use, ring in rings(load(settings)).items()}
    async with open_database(settings.main_url) as store:
        return await store.read(partial(published_keys, current=current))
