"""Everything the bench runs, each thing a process of its own: source, pass-throughs, gateways, PostgreSQL, load."""

import contextlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import yaml

from bench import machine
from bench.population import Population, populate
from bench.source import sources
from bench.targets import Target
from gateway.processes import free_port
from gateway.settings import Settings


class NotMeasuredError(Exception):
    """The bench cannot be trusted or cannot run; the text says why."""


class Bed:
    """What runs; `targets` in the order they were started."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.targets: dict[str, Target] = {}
        self.settings: dict[str, Settings] = {}
        self._running: list[subprocess.Popen[bytes]] = []
        self._postgres: Any = None
        self.asking, self.serving = machine.cores()
        os.sched_setaffinity(0, {self.asking})  # the bench itself asks too
        self._load = subprocess.Popen(
            [sys.executable, "-m", "bench.load"],
            cwd=machine.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.source = self._start("direct", self.asking, "bench.source", port := free_port(0))
        self.address = f"http://127.0.0.1:{port}"
        self.targets["direct"] = Target(name="direct", port=port, process=self.source, home=home)

    def passthrough(self, kind: str) -> None:
        """Start one of the references."""
        port = free_port(0)
        process = self._start(kind, self.serving, "bench.passthrough", kind, port, self.address)
        self.targets[kind] = Target(name=kind, port=port, process=process, home=self.home)
        _ready(port, "/openapi.json")

    def gateways(self, engines: Mapping[str, str], *, people: int, samples: Path | None = None) -> None:
        """Start gateways (name and engine) on fresh databases with people in them, filled side by side.

        With `samples`, a folder, each stands under the sampler and writes there.
        """
        known = {name: self._settings(name, engine) for name, engine in engines.items()}
        cores = (self.asking, self.serving)
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
            filling = {
                name: pool.submit(populate, settings, people, cores[number % 2])
                for number, (name, settings) in enumerate(known.items())
            }
            populations = {name: each.result() for name, each in filling.items()}
        self.settings |= known
        for name, settings in known.items():
            command = ("gateway", "serve") if samples is None else ("bench.sampled", samples / f"{name}.json")
            self._gateway(name, settings, populations[name], command=command)

    def _settings(self, name: str, engine: str) -> Settings:
        home = self.home / name
        home.mkdir()
        file = home / "sources.yaml"
        file.write_text(yaml.safe_dump(sources(self.address)), "utf-8")
        port = free_port(0)
        return Settings(
            home=home,
            public_url=f"http://127.0.0.1:{port}",
            port=port,
            database_url=self._database(engine),
            catalogue=machine.ROOT / "bench" / "catalogue",
            sources=file,
            client_rate=0,
            address_rate=0,
            api_rate=0,
        )

    def _gateway(self, name: str, settings: Settings, population: Population, *, command: tuple[object, ...]) -> None:
        values = {f"PASSERELLE_{key.upper()}": str(each) for key, each in settings.model_dump(mode="json").items()}
        process = self._start(name, self.serving, *command, environment=values)
        _ready(settings.port, "/livez")
        self.targets[name] = Target(
            name=name,
            port=settings.port,
            process=process,
            home=settings.home,
            issuer=settings.public_url,
            population=population,
            family=self._postgres_pid() if settings.database_url else None,
        )

    def load(
        self,
        target: Target,
        scenario: str,
        *,
        clients: int,
        seconds: float,
        count: int = 0,
        requests: Path | None = None,
        holds: str = "",
    ) -> dict[str, Any]:
        """One measurement, with the CPU of the server and of its database server, per answer.

        `requests` is a file of requests that are each sent once, in order, instead of the target's own.
        """
        order = {
            "port": target.port,
            "requests": str(requests or target.requests(scenario)),
            "clients": clients,
            "seconds": seconds,
            "count": count,
            "holds": holds or ('"state":"released"' if target.population else "612"),
            "once": requests is not None,
        }
        before, beside = machine.cpu_seconds(target.process), self._beside(target)
        assert self._load.stdin is not None  # noqa: S101  for mypy: both are pipes
        assert self._load.stdout is not None  # noqa: S101
        self._load.stdin.write(json.dumps(order) + "\n")
        self._load.stdin.flush()
        report: dict[str, Any] = json.loads(self._load.stdout.readline())
        cpu = machine.cpu_seconds(target.process) - before
        done = max(1, report["count"])
        return {
            **report,
            "rate": report["count"] / report["seconds"],
            "cpu": cpu / done * 1e6,
            "database_cpu": (self._beside(target) - beside) / done * 1e6,
        }

    def warm(self, target: Target, scenario: str, *, seconds: float = 1.5) -> None:
        """Ask until all is answered as wanted."""
        for _ in range(20):
            report = self.load(target, scenario, clients=16, seconds=seconds)
            if report["count"] and not report["refused"]:
                return
            time.sleep(0.5)
        raise NotMeasuredError(f"{target.name} does not answer as wanted: {report['refused']} {report['sample']}")

    def _beside(self, target: Target) -> float:
        return machine.cpu_seconds(target.family, family=True) if target.family else 0.0

    def _database(self, engine: str) -> str:
        if engine == "sqlite":
            return ""
        if shutil.which("pg_config") is None:
            raise NotMeasuredError("PostgreSQL is missing: apt-get install postgresql, or leave it out (--engines)")
        if self._postgres is None:
            from tests.conftest import PostgresServer

            self._postgres = PostgresServer()
            machine.pin(self._postgres_pid(), self.asking)
        return str(self._postgres.create_database())

    def _postgres_pid(self) -> int:
        return int((self._postgres.home / "data" / "postmaster.pid").read_text().split()[0])

    def program(self, name: str, *command: object, ready: tuple[int, str]) -> int:
        """Start somebody else's server on the core of what is measured; gives its process."""
        process = self._run(name, self.serving, *command)
        _ready(*ready)
        return process

    def _start(self, name: str, core: int, *command: object, environment: dict[str, str] | None = None) -> int:
        return self._run(name, core, sys.executable, "-m", *command, environment=environment)

    def _run(self, name: str, core: int, *command: object, environment: dict[str, str] | None = None) -> int:
        with (self.home / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [*map(str, command)],
                cwd=machine.ROOT,
                stdout=log,
                stderr=log,
                env=os.environ | (environment or {}),
            )
        machine.pin(process.pid, core)
        self._running.append(process)
        return process.pid

    def stop(self, target: Target | None = None) -> None:
        """End one target, or all."""
        for process in self._running:
            if target is None or process.pid == target.process:
                process.terminate()
                process.wait(30)
        if target is None:
            self._load.terminate()
            self._load.wait(10)
            if self._postgres is not None:
                self._postgres.remove()


def _ready(port: int, path: str) -> None:
    for _ in range(600):
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}{path}")
            return
        time.sleep(0.1)
    raise NotMeasuredError(f"nothing answers on port {port}")


@contextlib.contextmanager
def bed() -> Iterator[Bed]:
    """A bed in a temporary folder, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="passerelle-bench-") as home:
        opened = Bed(Path(home))
        try:
            yield opened
        finally:
            opened.stop()
