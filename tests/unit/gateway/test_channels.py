"""The loop beside the server, and who carries messages."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from audit.errors import StoreUnavailable
from connectors import sandbox
from consent.errors import MessageNotSent
from consent.messages import Message
from gateway import channels as module
from gateway.messages import MESSENGERS, MessengerRefused, NoMessenger, SandboxMessenger, messenger
from gateway.settings import Settings
from tests.bed import PERSON_HERSELF, bed, served

MESSAGE = Message(id="request:1", way="sms", to="+33612345678", lang="fr")


@pytest.fixture
async def gateway(tmp_path: Path):
    async with (
        served(sandbox.build()) as url,
        bed(tmp_path, database_url=f"sqlite:///{tmp_path}/p.db", sandbox_url=url, messenger="sandbox") as it,
    ):
        yield it


async def test_a_round_tells_people_and_a_stop_takes_back(gateway: Any, tmp_path: Path) -> None:
    """A new request is told; an SMS that says STOP ends what was given."""
    await gateway.partner("ml-brume")
    token = await gateway.token("ml-brume")
    pseudonym = await gateway.link(token, "lucas-perrin")
    services, now = gateway.services, gateway.services.clock()
    subject = await gateway.subject("ml-brume", pseudonym)
    await services.channels.contacts.declare(
        subject, preference="sms", addresses={"sms": "+33612345678"}, by=PERSON_HERSELF, now=now
    )
    body = {"subject": {"pseudonym": pseudonym}, "purpose": "support.youth"}
    made = (await gateway.post("/v1/authorisation-requests", body, token)).json()
    await services.channels.round(services.clock())
    [line] = (tmp_path / "messages.jsonl").read_text("utf-8").splitlines()
    told = {"id": f"request:{made['id']}", "way": "sms", "to": "+33612345678", "lang": "fr", "code": None}
    assert json.loads(line) == told
    fields = frozenset(made["fields"])
    await services.authorisations.give(made["id"], subject=subject, fields=fields, by=PERSON_HERSELF, now=now)
    assert await services.channels.stop("06 12 34 56 78", now=services.clock()) == 1
    assert await services.channels.stop("06 12 34 56 78", now=services.clock()) == 0


async def test_the_loop_goes_on_after_a_failure(gateway: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database does not answer once: the next round is made."""
    rounds = 0

    async def fails(*_args: Any, **_named: Any) -> int:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise StoreUnavailable("down")
        raise asyncio.CancelledError

    monkeypatch.setattr(module, "_PAUSE", 0)
    monkeypatch.setattr(gateway.services.channels.assistance, "settle", fails)
    with pytest.raises(asyncio.CancelledError):
        await module.run(gateway.services.channels, gateway.services.clock)
    assert rounds == 2


async def test_without_a_messenger_nothing_is_sent() -> None:
    """And it is said so."""
    with pytest.raises(MessageNotSent):
        await NoMessenger().send(MESSAGE)


async def test_the_sandbox_writes_what_it_would_send(tmp_path: Path) -> None:
    """Readable by its owner only; a file that cannot be written is a message not sent."""
    path = tmp_path / "messages.jsonl"
    await SandboxMessenger(path).send(MESSAGE)
    assert json.loads(path.read_text("utf-8"))["id"] == MESSAGE.id
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(MessageNotSent):
        await SandboxMessenger(tmp_path / "no" / "such").send(MESSAGE)


def test_the_sandbox_refuses_a_public_address(tmp_path: Path) -> None:
    """Codes in clear are for this machine."""
    assert isinstance(messenger(Settings(home=tmp_path)), NoMessenger)
    assert isinstance(messenger(Settings(home=tmp_path, messenger="sandbox")), SandboxMessenger)
    with pytest.raises(MessengerRefused):
        messenger(Settings(home=tmp_path, messenger="sandbox", public_url="https://passerelle.example"))


def test_every_messenger_of_the_setting_exists() -> None:
    """No value without a class."""
    assert set(MESSENGERS) == set(Settings.model_fields["messenger"].annotation.__args__)
