"""A person's browser without scripts, and what is read in it; on one engine."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from consent.states import By
from gateway.web.cookies import NAME
from gateway.web.visitor import Identity

from .conftest import Life

AGENT = By(kind="professional", channel="counter", actor="ab" * 16)
TAG = "cd" * 16


class Visit:
    """One signed-in person's browser."""

    def __init__(self, life: Life, secret: str) -> None:
        self.life = life
        self.cookies = {NAME: secret}
        self.token = ""

    async def get(self, path: str, *, status: int = 200, lang: str = "fr") -> httpx.Response:
        answer = await self._sent("GET", path, headers={"accept-language": lang})
        assert answer.status_code == status, (path, answer.status_code, answer.text[-600:])
        found = re.search(r'name="form" value="([0-9a-f]+)"', answer.text) if status == 200 else None
        self.token = found[1] if found else self.token
        return answer

    async def post(self, path: str, *, status: int = 303, **form: Any) -> httpx.Response:
        headers = {"sec-fetch-site": "same-origin"}
        answer = await self._sent("POST", path, headers=headers, data={"form": self.token, **form})
        assert answer.status_code == status, (path, answer.status_code, answer.text[-600:])
        return answer

    async def _sent(self, method: str, path: str, **more: Any) -> httpx.Response:
        http = self.life.bed.http
        http.cookies.clear()
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {**more.pop("headers", {}), "cookie": cookies}
        return await http.request(method, path, headers=headers, **more)


async def visit(life: Life, subject: Any = None, **identity: Any) -> Visit:
    """Sign in as this person."""
    whose = subject or life.subject
    usual = {"actor": "subject", "name": "Lucas", "owner": f"t:{whose}", "provider": "test"}
    who = Identity(role="beneficiary", subject=whose, **{**usual, **identity})
    found = Visit(life, await life.services.sessions.open(who, now=life.now, agent="phone"))
    await found.get("/me/words" if "mandate" not in identity else "/me")
    return found


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What is stored is tested on both engines beside; here one is enough."""
    return f"sqlite:///{tmp_path}/passerelle.db"


def titles(life: Life) -> list[str]:
    """Names of institutions: no words of ours."""
    return [str(name) for party in life.services.catalogue.parties.values() for name in party.name.values()]


def main_part(text: str) -> str:
    return text[text.index("<main") : text.index("</main>")]
