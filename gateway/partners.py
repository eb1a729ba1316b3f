"""Partners registered, changed, suspended: the row and its journal entry in one transaction."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from audit.journal import Draft
from gateway.oauth.errors import PartnerInvalid, PartnerUnknown
from gateway.oauth.partners import (
    Partner,
    change_members,
    find_partner,
    insert_partner,
    journal_members,
    list_partners,
    new_partner,
    replace_partner,
    with_binding,
    with_keys,
    with_scopes,
    with_status,
)
from gateway.oauth.revocation import end_of_partner
from gateway.services import Services, open_services
from gateway.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKeys:
    """What becomes of a partner's keys: a set or an address instead of all, or some more and some less."""

    jwks: Path | None = None
    jwks_uri: str | None = None
    more: Path | None = None
    less: Collection[str] = ()
    """Keys to take away, by kid."""


def read_jwks(path: Path) -> object:
    """The JSON of a file of keys."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        raise PartnerInvalid("jwks", f"{path} cannot be read as JSON") from None


async def add(
    settings: Settings,
    *,
    name: str,
    siret: str,
    jwks: Path | None,
    scopes: Sequence[str],
    **more: Any,
) -> None:
    """Register from files and arguments; raises PartnerInvalid or PartnerExists, and then nothing is registered."""
    keys = None if jwks is None else read_jwks(jwks)
    async with open_services(settings) as services:
        await register(services, name=name, siret=siret, jwks=keys, scopes=scopes, **more)


async def register(
    services: Services,
    *,
    name: str,
    siret: str,
    jwks: object = None,
    scopes: Sequence[str],
    title: str = "",
    **more: Any,
) -> Partner:
    """Register on running services; `more` are the other members of `new_partner`."""
    party = services.catalogue.parties.get(name)
    if party is None:
        raise PartnerInvalid("id", "is not an institution of the catalogue")
    if party.siret != siret:
        raise PartnerInvalid("siret", "is not the one the catalogue gives for this institution")
    _require_known(services, scopes)
    now = services.clock()
    registered = new_partner(
        id=name, name=title or party.name["fr"], siret=siret, scopes=scopes, jwks=jwks, now=now, **more
    )

    def change(connection: Connection, _index: int) -> None:
        insert_partner(connection, registered)

    members = journal_members(registered)
    await services.journal.append(Draft(type="partner.registered", members=members, time=now, change=change))
    return registered


async def listed(settings: Settings) -> list[Partner]:
    """Every registration, by id."""
    found: list[Partner] = []
    async with open_services(settings) as services:
        while True:
            after = found[-1].id if found else ""
            page = await services.store.read(partial(list_partners, after=after))
            found += page
            if not page:
                return found


async def shown(settings: Settings, name: str) -> Partner:
    """One registration, or `PartnerUnknown`."""
    async with open_services(settings) as services:
        return await _get(services, name)


async def rotate(settings: Settings, name: str, new: NewKeys) -> Partner:
    """Change a partner's keys; keys that overlap for a while are added first and taken away later."""
    async with open_services(settings) as services:
        former, now = await _get(services, name), services.clock()
        if new.jwks_uri is not None:
            return await _change(services, former, with_keys(former, jwks_uri=new.jwks_uri, now=now), "keys")
        document = read_jwks(new.jwks) if new.jwks is not None else _merged(former, new)
        return await _change(services, former, with_keys(former, jwks=document, now=now), "keys")


async def set_scopes(settings: Settings, name: str, scopes: Collection[str]) -> Partner:
    """Let the partner ask for exactly these scopes; running tokens lose the others within seconds."""
    async with open_services(settings) as services:
        _require_known(services, scopes)
        former = await _get(services, name)
        return await _change(services, former, with_scopes(former, scopes, now=services.clock()), "scopes")


async def set_binding(settings: Settings, name: str, binding: str, certificates: Collection[str]) -> Partner:
    """Bind the partner's tokens otherwise; those that are not bound so open nothing any more, within seconds."""
    async with open_services(settings) as services:
        former = await _get(services, name)
        changed = with_binding(former, binding, certificates, now=services.clock())
        return await _change(services, former, changed, "binding")


async def set_status(settings: Settings, name: str, status: str) -> Partner:
    """Suspend a partner, which ends its running tokens at once, or let it in again."""
    async with open_services(settings) as services:
        former = await _get(services, name)
        return await _change(services, former, with_status(former, status, now=services.clock()), "status")


async def _get(services: Services, name: str) -> Partner:
    partner = await services.store.read(partial(find_partner, partner_id=name))
    if partner is None:
        raise PartnerUnknown(f"{name} is not registered: see `passerelle partner list`")
    return partner


async def _change(services: Services, former: Partner, changed: Partner, what: str) -> Partner:
    """Row and entry, or neither; nothing when nothing is different."""
    if replace(changed, changed_at=former.changed_at) == former:
        return former

    now = services.clock()
    ending = None if changed.active else end_of_partner(changed.id, now)

    def change(connection: Connection, index: int) -> None:
        replace_partner(connection, former, changed)
        if ending is not None:
            ending.write(connection, index)

    members = change_members(changed, what)
    await services.journal.append(Draft(type="partner.changed", members=members, time=now, guard=ending, change=change))
    return changed


def _merged(former: Partner, new: NewKeys) -> object:
    """The registered set, with some keys more and some less."""
    if former.jwks_uri is not None:
        raise PartnerInvalid("jwks", "are published by the partner: give a whole set (--jwks) to register one instead")
    missing = sorted(set(new.less) - {key["kid"] for key in former.jwks})
    if missing:
        raise PartnerInvalid("jwks", f"no key of this kid is registered: {', '.join(missing)}")
    kept: list[Any] = [key for key in former.jwks if key["kid"] not in new.less]
    if new.more is None:
        return {"keys": kept}
    document = read_jwks(new.more)
    added = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(added, list):
        raise PartnerInvalid("jwks", f'{new.more} must hold a JSON object with a list "keys"')
    return {"keys": [*kept, *added]}


def _require_known(services: Services, scopes: Collection[str]) -> None:
    unknown = sorted(set(scopes) - set(services.server.scopes_supported))
    if unknown:
        raise PartnerInvalid("scopes", f"unknown: {', '.join(unknown)}")
