"""Starts `passerelle` commands as processes of their own, as in production, and stops them again (demo, bench)."""

import asyncio
import os
import secrets
import socket
import subprocess
import sys
from typing import Self

import httpx

from gateway.settings import Settings


class NotAsExpectedError(Exception):
    """Something did not go as told."""

    code = "not_as_expected"


def say(text: str) -> None:
    """One line of the story."""
    print(text, flush=True)  # noqa: T201  a story is told on stdout


_chance = secrets.SystemRandom()  # two processes must not draw the same ports


def free_port(wanted: int = 0) -> int:
    """The wanted port of this machine, or a free one when it is 0 or taken.

    Not one of those that outgoing connections are given: such a connection may take it before it is used.
    """
    drawn = _chance.sample(range(20_000, 30_000), 20)
    for candidate in [wanted, *drawn] if wanted else drawn:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise NotAsExpectedError("no free port on this machine")


class Processes:
    """Commands with one environment; their output goes to files in the settings' home."""

    def __init__(self, settings: Settings, ports: dict[str, int]) -> None:
        values = settings.model_dump(mode="json", exclude_none=True)
        set_ = {key: value for key, value in values.items() if value is not None}
        self._environment = os.environ | {f"PASSERELLE_{key.upper()}": str(value) for key, value in set_.items()}
        self._home = settings.home
        self._ports = ports
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        """Nothing runs yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop all, newest first."""
        for process in reversed(self._running):
            process.terminate()
        for process in self._running:
            process.wait(20)

    def start(self, name: str, *arguments: str, module: str = "gateway") -> None:
        """Start one that keeps running."""
        with (self._home / f"{name}.log").open("wb") as log:
            command = [sys.executable, "-m", module, *arguments]
            self._running.append(subprocess.Popen(command, stdout=log, stderr=log, env=self._environment))  # noqa: S603  ours

    def ids(self) -> list[int]:
        """The process ids of those that run, oldest first."""
        return [process.pid for process in self._running]

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run one to its end; gives exit code and output."""
        command = [sys.executable, "-m", "gateway", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=self._environment, check=False)  # noqa: S603  ours
        return done.returncode, (done.stdout + done.stderr).strip()

    async def ready(self, name: str, path: str) -> None:
        """Wait until it answers, 30 seconds at most."""
        async with httpx.AsyncClient() as http:
            for _ in range(300):
                if any(process.poll() is not None for process in self._running):
                    break
                try:
                    await http.get(f"http://127.0.0.1:{self._ports[name]}{path}")
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
                else:
                    return
        raise NotAsExpectedError(f"the {name} does not start: see {self._home}/{name}.log")
