"""Registering a partner: the row and its journal entry in one transaction."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from audit.journal import Draft
from gateway.oauth.errors import PartnerInvalid
from gateway.oauth.partners import Partner, insert_partner, journal_members, new_partner
from gateway.services import Services, open_services
from gateway.settings import Settings


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
    try:
        keys = None if jwks is None else json.loads(jwks.read_text("utf-8"))
    except (OSError, ValueError):
        raise PartnerInvalid("jwks", f"{jwks} cannot be read as JSON") from None
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
    unknown = sorted(set(scopes) - set(services.server.scopes_supported))
    if unknown:
        raise PartnerInvalid("scopes", f"unknown: {', '.join(unknown)}")
    now = services.clock()
    registered = new_partner(
        id=name, name=title or party.name["fr"], siret=siret, scopes=scopes, jwks=jwks, now=now, **more
    )

    def change(connection: Connection, _index: int) -> None:
        insert_partner(connection, registered)

    members = journal_members(registered)
    await services.journal.append(Draft(type="partner.registered", members=members, time=now, change=change))
    return registered
