"""Who carries messages to people: nobody, or the sandbox, which writes them to a file instead of sending them.

A provider of SMS, e-mail or letters is a class with one method (`consent.messages.Messenger`) and a row of
`MESSENGERS`. The sandbox's file holds numbers and codes of fictional people: it refuses to be used at a public address.
"""

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from consent.errors import MessageNotSent
from consent.messages import Message, Messenger
from gateway.settings import Settings


class MessengerRefused(Exception):  # noqa: N818  the start is refused, with a sentence
    """The messenger cannot be used here."""

    code = "messenger_refused"


class NoMessenger:
    """Nothing is sent: codes are refused, notices wait in vain."""

    async def send(self, message: Message) -> None:  # noqa: ARG002  the interface's
        """See `Messenger`."""
        raise MessageNotSent("no messenger is configured")


class SandboxMessenger:
    """Appends each message to a file only its owner reads, a JSON line each."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def send(self, message: Message) -> None:
        """See `Messenger`."""
        await asyncio.to_thread(self._append, json.dumps(asdict(message)) + "\n")

    def _append(self, line: str) -> None:
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError:
            raise MessageNotSent("the file of messages cannot be written") from None
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(line)


def _sandbox(settings: Settings) -> Messenger:
    if urlsplit(settings.public_url).hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise MessengerRefused("PASSERELLE_MESSENGER=sandbox is for this machine only: messages hold codes in clear")
    return SandboxMessenger(settings.home / "messages.jsonl")


MESSENGERS: Mapping[str, Callable[[Settings], Messenger]] = {"none": lambda _: NoMessenger(), "sandbox": _sandbox}


def messenger(settings: Settings) -> Messenger:
    """Build the configured one."""
    return MESSENGERS[settings.messenger](settings)
