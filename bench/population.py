"""Who is asked about: a registered partner and many people, linked and authorised through the library.

Every person says yes to one call's fields for `bench.one_call` and to three calls' for `bench.three_calls`; of the
twenty fields that each exchange asks for, the others are decided too, and refused.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from bench.source import BORN
from consent.identifiers import KINDS
from consent.states import By
from gateway.authorisations import Asked, ask
from gateway.database import open_database
from gateway.oauth.client import ClientKey, new_key, request_token
from gateway.oauth.revocation import TokenRef
from gateway.oauth.tokens import Professional
from gateway.oauth.verification import Caller
from gateway.partners import register
from gateway.schema import migrate
from gateway.services import Services, open_services, wall_clock
from gateway.settings import Settings

PARTNER, SIRET = "ml-bench", "99902004300017"
LISE = Professional(id="conseiller-1", family_name="Marchand", given_name="Lise", role="conseiller", acr="eidas2")
_ONE = [f"quotient_familial.{name}" for name in ("value", "provider", "year", "month")]
_ONE += [f"household.{name}" for name in ("address", "postcode", "commune", "children")]
_THREE = [f"{name}.{column}" for name in ("rsa", "c2s") for column in ("beneficiary", "since")]
_THREE += ["rsa.majoration", "c2s.contribution"]
_OTHERS = [f"prime_activite.{name}" for name in ("beneficiary", "majoration", "since")]
_OTHERS += [f"job_seeker.{name}" for name in ("registered", "since", "until")]
WANTED = sorted(_ONE + _THREE + _OTHERS)
GIVEN = {"bench.one_call": frozenset(_ONE), "bench.three_calls": frozenset(_ONE + _THREE)}
_HERSELF = By(kind="subject", channel="library", method="bench")
_AT_ONCE = 64
_KID = "bench-1"
_THREE_CALLS_FOR = 500  # people enough: to link and ask costs far more than an exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """What the load needs: the partner's key (PEM), its scopes, its names for the people, per purpose."""

    key: bytes = field(repr=False)
    scopes: Sequence[str]
    pseudonyms: Mapping[str, Sequence[str]] = field(repr=False)

    async def token(self, issuer: str) -> str:
        """A fresh access token of a professional of the partner."""
        private: Any = load_pem_private_key(self.key, None)
        async with httpx.AsyncClient() as http:
            return await request_token(
                http,
                ClientKey(private=private, kid=_KID),
                client_id=PARTNER,
                issuer=issuer,
                scopes=self.scopes,
                now=wall_clock(),
                professional=LISE,
            )


def family_name(number: int) -> str:
    """Letters only, one per person."""
    return "BANC" + "".join(chr(65 + int(digit)) for digit in f"{number:06d}")


def query(number: int) -> str:
    """The civil identity of a person, as the source is asked with it."""
    year, month, day = (int(part) for part in BORN.split("-"))
    return (
        f"recipient={SIRET}&nomNaissance={family_name(number)}&prenoms%5B%5D=ESSAI&anneeDateNaissance={year}"
        f"&moisDateNaissance={month}&jourDateNaissance={day}&codeCogInseeCommuneNaissance=35238"
        "&codeCogInseePaysNaissance=99100&sexeEtatCivil=F"
    )


def populate(settings: Settings, people: int, core: int) -> Population:
    """Fill a fresh database, on one core."""
    os.sched_setaffinity(0, {core})
    return asyncio.run(_populate(settings, people))


async def _populate(settings: Settings, people: int) -> Population:
    async with open_database(settings.main_url) as store, open_database(settings.keys_url) as key_store:
        await migrate(store, key_store)
    async with open_services(settings) as services:
        key = new_key(_KID)
        scopes = [name for name in services.server.scopes_supported if name.startswith("data:")]
        asking = [*scopes, "authorisations:request", "authorisations:answer"]
        partner = await register(services, name=PARTNER, siret=SIRET, jwks=key.jwks(), scopes=asking, binding="bearer")
        caller = Caller(
            partner=partner, scopes=frozenset(asking), actor=LISE, vouching=partner.id, token=TokenRef((_KID,), 0)
        )
        numbers = iter(range(people))
        pseudonyms: dict[str, list[str]] = {purpose: [] for purpose in GIVEN}

        async def work() -> None:
            for number in numbers:
                purposes = list(GIVEN)[: 1 + (number < _THREE_CALLS_FOR)]
                pseudonym = await person(services, caller, number, purposes)
                for purpose in purposes:
                    pseudonyms[purpose].append(pseudonym)

        await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Population(key=pem, scopes=scopes, pseudonyms=pseudonyms)


async def person(services: Services, caller: Caller, number: int, purposes: Sequence[str]) -> str:
    """Link somebody, who says yes for these purposes; gives the pseudonym."""
    pivot = {
        "family_name": family_name(number),
        "given_names": ["ESSAI"],
        "birth_date": BORN,
        "birth_country": "99100",
        "birth_place": "35238",
        "sex": "F",
        "usual_name": None,
    }
    linked = await services.people.link(
        partner=PARTNER,
        reference=f"file-{number}",
        identifiers={"pivot": pivot},
        accepted_kinds=KINDS,
        now=services.clock(),
    )
    subject = await services.people.resolve(partner=PARTNER, pseudonym=linked.pseudonym)
    for purpose in purposes:
        asked = Asked(pseudonym=linked.pseudonym, reference=None, purpose=purpose, names=None, batch_job=None)
        done = await ask(services, caller, asked, now=services.clock())
        await services.authorisations.give(
            done.record.id, subject=subject, fields=GIVEN[purpose], by=_HERSELF, now=services.clock()
        )
    return linked.pseudonym
