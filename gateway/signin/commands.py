"""What `passerelle role …` does: on a gateway's databases, with its keys, beside or without a running server."""

import re
from collections.abc import Sequence

from gateway.services import Services, open_services
from gateway.settings import Settings
from gateway.signin.errors import RoleInvalid
from gateway.signin.roles import Line, Listed, Named

_SIRET = re.compile(r"[0-9]{14}")


async def add(
    settings: Settings,
    *,
    role: Listed,
    organisation: str,
    mail: str | None,
    siret: str | None,
    sub: str | None,
    provider: str | None,
    consortium: bool,
) -> str:
    """Add a line; gives its id. Raises `RoleInvalid`."""
    if siret is not None and _SIRET.fullmatch(siret) is None:
        raise RoleInvalid("a SIRET has 14 digits")
    if mail is not None and "@" not in mail:
        raise RoleInvalid("this is not an address of mail")
    async with open_services(settings) as services:
        if organisation not in services.catalogue.parties:
            raise RoleInvalid("not an institution of the catalogue")
        name, issuer = _issuer(services, provider)
        named = Named(issuer=issuer, sub=sub, mail=mail, siret=siret)
        return await services.entrance.roles.give(
            role, organisation, named, provider=name, consortium=consortium, now=services.clock()
        )


async def lines(settings: Settings) -> Sequence[Line]:
    """The whole list."""
    async with open_services(settings) as services:
        return await services.entrance.roles.lines()


async def remove(settings: Settings, id_: str) -> int:
    """Take a line out; gives how many sessions ended. Raises `RoleInvalid`."""
    async with open_services(settings) as services:
        return await services.entrance.roles.remove(id_, now=services.clock())


def _issuer(services: Services, provider: str | None) -> tuple[str, str]:
    """The provider professionals sign in with: the only one, or the one that is named."""
    known = [
        party.provider
        for party in services.entrance.parties.values()
        if party.provider.public == "professionals" and provider in {None, party.provider.id}
    ]
    if len(known) != 1:
        raise RoleInvalid("name the identity provider: none or several of PASSERELLE_IDENTITY_PROVIDERS fit")
    return known[0].id, known[0].issuer
