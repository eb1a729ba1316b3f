"""The commands of officers, erasures, persons' lists, backups and time-stamps, as they are typed."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import sqlalchemy as sa
import uvloop

from consent import models
from gateway.database import open_database
from gateway.serve import migrate_databases
from gateway.services import open_services
from gateway.settings import Settings
from tests.tsa import Authority, authority
from tests.unit.gateway.conftest import Passerelle

NAMED = ("--partner", "ml-brume", "--reference", "dossier-7")


@pytest.fixture
def known(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A person with one entry, published; nobody serves."""
    monkeypatch.setenv("PASSERELLE_OFFICERS", str(tmp_path / "officers.txt"))
    monkeypatch.setenv("PASSERELLE_KEYS_BACKUPS", str(tmp_path / "keys"))
    settings = Settings()

    async def fill() -> None:
        await migrate_databases(settings)
        async with open_services(settings) as services:
            now = services.clock()
            await services.people.link(
                partner="ml-brume", reference="dossier-7", identifiers={"ft_number": "12345678901"},
                accepted_kinds={"ft_number"}, now=now,
            )  # fmt: skip
            await services.publisher.publish_once(now)

    uvloop.run(fill())
    return settings


def test_an_erasure_is_asked_for_signed_by_two_and_listed(
    passerelle: Passerelle, known: Settings, tmp_path: Path
) -> None:
    """Each step tells its state; nothing is done before the date."""
    for name in ("lise", "yann"):
        status, out, _ = passerelle("officer", "key", f"officers.example/{name}", str(tmp_path / name))
        assert status == 0
        with known.officers.open("a") as file:
            file.write(out)
    status, out, err = passerelle("erasure", "request", *NAMED)
    assert (status, err) == (0, "")
    id_ = out.splitlines()[0]
    assert out.splitlines()[2:5] == ["passerelle erasure", known.origin, id_]
    assert passerelle("erasure", "sign", id_, "--key", str(tmp_path / "lise"))[1] == f"{id_} requested\n"
    status, out, _ = passerelle("erasure", "sign", id_, "--key", str(tmp_path / "yann"))
    assert out.startswith(f"{id_} waiting 20")
    assert passerelle("erasure", "list") == (0, out, "")
    assert passerelle("erasure", "execute") == (0, "", "")
    assert passerelle("erasure", "request", *NAMED)[0] == 1
    assert passerelle("erasure", "cancel", id_)[0] == 0
    assert passerelle("erasure", "list") == (0, "", "")
    status, out, err = passerelle("erasure", "cancel", id_)
    assert (status, err) == (1, "erasure_closed: this erasure is cancelled\n")


def test_a_run_that_leaves_an_erasure_says_so(passerelle: Passerelle, known: Settings, tmp_path: Path) -> None:
    """Whoever runs it daily sees by its status that it must be looked at; the line tells what still waits."""
    for name in ("lise", "yann"):
        with known.officers.open("a") as file:
            file.write(passerelle("officer", "key", f"officers.example/{name}", str(tmp_path / name))[1])
    id_ = passerelle("erasure", "request", *NAMED)[1].splitlines()[0]
    for name in ("lise", "yann"):
        passerelle("erasure", "sign", id_, "--key", str(tmp_path / name))

    async def due_and_without_its_key() -> None:
        async with open_database(known.main_url) as store, open_database(known.keys_url) as keys:
            await store.write(lambda connection: connection.execute(sa.update(models.erasure).values(due=0)) and None)
            await keys.write(lambda connection: connection.execute(sa.delete(models.subject_key)) and None)

    uvloop.run(due_and_without_its_key())
    status, out, err = passerelle("erasure", "execute")
    assert (status, out) == (1, f"{id_} waiting 1970-01-01T00:00:00Z\n")
    assert "1 of them" in err


def test_a_persons_list_is_written_and_checked(passerelle: Passerelle, known: Settings, tmp_path: Path) -> None:
    """By `passerelle audit person`, and by `python -m audit person` with nothing else installed."""
    file = tmp_path / "person.json"
    status, _, err = passerelle("person", "proof", *NAMED, "--out", str(file))
    assert status == 0, err
    assert "1 entries" in err
    assert passerelle("person", "proof", *NAMED, "--out", str(file))[0] == 1
    assert passerelle("person", "proof", "--partner", "ml-brume", "--reference", "no", "--out", "x")[0] == 1
    status, out, _ = passerelle("audit", "person", str(file), "--json")
    report = json.loads(out)["reports"][0]
    assert (status, report["ok"], report["key_given"]) == (0, True, False)
    assert [each["entry"]["type"] for each in report["entries"]] == ["subject.linked"]
    assert passerelle("audit", "person", str(file), "--value", "rsa.since=1")[0] == 1
    assert passerelle("audit", "person", str(file), "--value", "rsa.since")[0] == 2
    assert passerelle("audit", "person", str(tmp_path / "nothing"))[0] == 2
    vkey = tmp_path / "log.vkey"
    vkey.write_text(json.loads(file.read_text("utf-8"))["keys"][0]["key"] + "\n", "ascii")
    command = [sys.executable, "-m", "audit", "person", str(file), "--vkey", str(vkey)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "numbers" in done.stdout


def test_backups_are_made_and_keys_brought_back(passerelle: Passerelle, known: Settings, tmp_path: Path) -> None:
    """The file made is told; nothing is missing, so nothing is brought back."""
    status, out, _ = passerelle("backup", "--out", str(tmp_path / "main"))
    assert status == 0
    assert Path(out.strip()).parent == tmp_path / "main"
    assert passerelle("backup")[0] == 2
    status, out, _ = passerelle("backup", "keys")
    assert status == 0
    assert Path(out.strip()).parent == known.keys_backups
    assert passerelle("backup", "keys", "--out", str(tmp_path / "other"))[0] == 0
    assert passerelle("backup", "restore-keys", out.strip()) == (0, "", "0 keys brought back\n")
    assert passerelle("backup", "restore-keys", str(tmp_path / "nothing"))[0] == 1


@pytest.fixture
def tsa(tmp_path: Path) -> Iterator[tuple[Authority, str]]:
    """An authority, served."""
    one = authority(tmp_path / "tsa")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            token = one.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(token)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield one, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_newest_checkpoint_is_dated_on_demand(
    passerelle: Passerelle, known: Settings, tsa: tuple[Authority, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Date and name are told; without an authority there is nothing to do."""
    assert passerelle("timestamp")[0] == 2
    monkeypatch.setenv("PASSERELLE_TIMESTAMP_URL", "ftp://tsa.example/")
    assert passerelle("timestamp")[0] == 2
    monkeypatch.setenv("PASSERELLE_TIMESTAMP_URL", tsa[1])
    assert passerelle("timestamp")[2].startswith("timestamp_refused: ")
    monkeypatch.setenv("PASSERELLE_TIMESTAMP_ROOTS", str(tsa[0].roots))
    status, out, err = passerelle("timestamp")
    assert (status, err) == (0, "")
    assert out.endswith("CN=Horodatage d'essai,C=FR\n")
