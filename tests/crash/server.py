"""A real `passerelle serve`, to be killed: same command, same environment as in production."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from gateway.settings import Settings

START_SECONDS = 30


class Server:
    """One process; its output goes to a file of its own under the settings' home."""

    def __init__(self, settings: Settings, *, port: int | None = None) -> None:
        values = settings.model_dump(mode="json", exclude_none=True) | ({} if port is None else {"port": port})
        self.url = f"http://127.0.0.1:{values['port']}"
        self._environment = os.environ | {f"PASSERELLE_{name.upper()}": str(value) for name, value in values.items()}
        self._logs = settings.home
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    async def __aenter__(self) -> Self:
        """Start, and wait until it answers."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop as an operator would."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(self._process.wait, 20)

    async def start(self) -> None:
        """Start once more."""
        self._starts += 1
        with (self._logs / f"serve-{self.url.rpartition(':')[2]}-{self._starts}.log").open("wb") as log:
            command = [sys.executable, "-m", "gateway", "serve"]
            self._process = subprocess.Popen(  # noqa: ASYNC220  starting takes no time
                command, stdout=log, stderr=log, env=self._environment, cwd=Path(__file__).parents[2]
            )
        async with httpx.AsyncClient() as http:
            for _ in range(START_SECONDS * 20):
                assert self._process.poll() is None, self.output()
                try:
                    await http.get(f"{self.url}/livez")
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
                else:
                    return
        raise AssertionError(self.output())

    def kill(self) -> None:
        """Signal 9: nothing is flushed, nobody is told."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def output(self) -> str:
        """All that any of its starts wrote on stdout and stderr."""
        return "".join(path.read_text("utf-8") for path in sorted(self._logs.glob("serve-*.log")))
