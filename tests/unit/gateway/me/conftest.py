"""A person with a life: three organisations on three bases, accesses, a refusal; and somebody else beside them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from connectors import sandbox
from consent.states import By
from tests.bed import LISE, Bed, bed, professional, served

HERSELF = By(kind="subject", channel="page")
YOUTH, ORIENTATION, ENTITLEMENT = "support.youth", "orientation.rsa", "entitlement.rsa"
WHO = {"ml-brume": LISE, "dept-brume": professional("orienteur"), "caf-brume": professional("instructeur"),
       "outil-commun": professional("referent")}  # fmt: skip
PURPOSES = {"ml-brume": YOUTH, "dept-brume": ORIENTATION, "caf-brume": ENTITLEMENT,
            "outil-commun": "support.shared_diagnosis"}  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Life:
    """The gateway and one person: who they are to each organisation, and their authorisations."""

    bed: Bed
    subject: Any = None
    tokens: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def services(self) -> Any:
        return self.bed.services

    @property
    def now(self) -> int:
        return self.services.clock()

    async def known(self, partner: str, person: str = "lucas-perrin") -> str:
        """Linked by this organisation; the first one makes the person."""
        if partner not in self.tokens:
            await self.bed.partner(partner)
            self.tokens[partner] = await self.bed.token(partner, professional=WHO[partner])
        name = await self.bed.link(self.tokens[partner], person)
        if person == "lucas-perrin":
            self.names[partner] = name
            self.subject = await self.bed.subject(partner, name)
        return name

    async def shares(self, partner: str, **given: Any) -> str:
        """An authorisation in force with this organisation."""
        if partner not in self.names:
            await self.known(partner)
        self.ids[partner] = await self.bed.authorise(
            self.tokens[partner], partner, self.names[partner], PURPOSES[partner], **given
        )
        return self.ids[partner]

    async def requests(self, partner: str) -> str:
        """A request of this organisation that waits for the person's answer."""
        if partner not in self.names:
            await self.known(partner)
        body = {"subject": {"pseudonym": self.names[partner]}, "purpose": PURPOSES[partner]}
        answer = await self.bed.post("/v1/authorisation-requests", body, self.tokens[partner])
        assert answer.status_code == 201, answer.text
        self.ids[partner] = answer.json()["id"]
        return self.ids[partner]

    async def asks(self, partner: str, *fields: str) -> int:
        """One exchange; gives its status."""
        answer = await self.bed.exchange(self.tokens[partner], self.names[partner], PURPOSES[partner], fields)
        return answer.status_code

    async def record(self, partner: str) -> Any:
        """The authorisation as it stands."""
        return await self.services.authorisations.get(self.ids[partner], subject=self.subject)


@pytest.fixture
async def life(tmp_path: Path, database_url: str) -> AsyncIterator[Life]:
    """Nobody yet."""
    async with (
        served(sandbox.build()) as address,
        bed(tmp_path, database_url=database_url, sandbox_url=address) as opened,
    ):
        yield Life(bed=opened)


@pytest.fixture
async def full(life: Life) -> Life:
    """Somebody with everything: three bases, accesses, a refusal, a request that waits."""
    for partner in ("ml-brume", "dept-brume", "caf-brume"):
        await life.shares(partner)
        await life.asks(partner, *(["registration.status"] if partner == "caf-brume" else ["rsa", "household"]))
    await life.asks("ml-brume", "aah.beneficiary")
    return life
