"""DPOs and their browsers: requests go through the application, cookie and form token included."""

from typing import Any

import httpx

from gateway.web.cookies import NAME
from gateway.web.visitor import Identity
from tests.bed import Bed

FIELDS = ["registration.status", "registration.category_code"]


def dpo(organisation: str, *, consortium: bool = False, strong: bool = True, name: str = "", tag: str = "") -> Identity:
    return Identity(
        role="dpo",
        actor=((tag or organisation).encode().hex() + "0" * 32)[:32],
        owner=f"test:{organisation}",
        organisation=organisation,
        consortium=consortium,
        name=name or f"DPO of {organisation}",
        strong=strong,
        provider="test",
    )


HEAD = dpo("siae-brume", consortium=True)
"""The consortium's, of whom this institution is also theirs."""


class Browser:
    """Somebody's browser: a cookie, and the form token of their pages."""

    def __init__(self, gateway: Bed, secret: str, token: str, lang: str) -> None:
        self.http = gateway.http
        self.token = token
        self.headers = {"Cookie": f"{NAME}={secret}; passerelle-view={lang}"}

    async def get(self, path: str, status: int = 200, **query: str) -> httpx.Response:
        answer = await self.http.get(path, headers=self.headers, params=query or None)
        assert answer.status_code == status, answer.text
        return answer

    async def post(self, path: str, status: int = 303, **form: str) -> httpx.Response:
        data = {"form": self.token, **form}
        answer = await self.http.post(path, headers={**self.headers, "Sec-Fetch-Site": "same-origin"}, data=data)
        assert answer.status_code == status, answer.text
        return answer


async def browser(gateway: Bed, identity: Identity, *, lang: str = "en") -> Browser:
    services = gateway.services
    secret = await services.sessions.open(identity, now=services.clock(), agent="test")
    visitor = await services.sessions.find(secret, services.clock())
    assert visitor is not None
    return Browser(gateway, secret, visitor.form_token, lang)


async def entries(gateway: Bed, kind: str) -> list[dict[str, Any]]:
    return [each for each in await gateway.journal() if each["type"] == kind]
