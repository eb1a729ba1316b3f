"""Real engines for every test that stores: an SQLite file and a PostgreSQL server of our own."""

import fcntl
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from gateway.database import Database, open_database

# a busy machine is slow: that says nothing about what is tested
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


class PostgresServer:
    """A server in a temporary directory, reached by its Unix socket only."""

    def __init__(self) -> None:
        self.bin = Path(_output("pg_config", "--bindir"))
        self.home = Path(tempfile.mkdtemp(prefix="passerelle-pg-"))
        if os.geteuid() == 0:
            shutil.chown(self.home, "postgres", "postgres")
        self._run("initdb", "-D", f"{self.home}/data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync")
        self.start()

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.home}' -c max_connections=100"
        self._run("pg_ctl", "-D", f"{self.home}/data", "-w", "-l", f"{self.home}/log", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", f"{self.home}/data", "-w", "-m", mode, "stop", check=False)

    def create_database(self) -> str:
        name = f"t{uuid.uuid4().hex[:12]}"
        self._run("createdb", "-h", str(self.home), "-U", "postgres", name)
        return f"postgresql://postgres@/{name}?host={self.home}"

    def remove(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self.home, ignore_errors=True)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        command = [str(self.bin / program), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        done = subprocess.run(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )
        if check and done.returncode:
            pytest.fail(f"{program} failed: {done.stdout.strip()[-500:]}")


def _output(*command: str) -> str:
    if shutil.which(command[0]) is None:
        pytest.fail("PostgreSQL is missing: `make test` installs it, or run `apt-get install postgresql libpq-dev`")
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh, empty database on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/passerelle.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The same, opened; tables are the test's to create (`await database.write(metadata.create_all)`)."""
    async with open_database(database_url) as opened:
        yield opened


@pytest.fixture
def usual_ports() -> Iterator[None]:
    """The ports the demo begins with, for one test at a time, whichever process runs it."""
    with (Path(tempfile.gettempdir()) / "passerelle-usual-ports").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
