"""`passerelle key rotate | retire | list`: the steps of `audit.rotation` on this gateway's keys."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from audit.cosignature import create_cosigner
from audit.keys import create_key
from audit.ring import Ring
from audit.rotation import published_keys, retire, rotate
from audit.succession import KINDS, PublishedKey
from gateway.database import open_database
from gateway.keys import GatewayKeys, load
from gateway.services import open_services
from gateway.settings import Settings

CREATE: dict[str, Callable[[Path, str], Any]] = {"log": create_key, "receipt": create_key, "witness": create_cosigner}


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


async def list_keys(settings: Settings) -> list[PublishedKey]:
    """Every public key ever used, as `GET /log/keys` gives them."""
    current = {use: ring.vkeys for use, ring in rings(load(settings)).items()}
    async with open_database(settings.main_url) as store:
        return await store.read(partial(published_keys, current=current))
