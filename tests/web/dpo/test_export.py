"""An export: a second factor, announced size and hash, an entry of the journal, verified offline by the command."""

import csv
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.web.conftest import Portal, dpo
from tests.web.dpo.test_access import client, post

pytestmark = [pytest.mark.asyncio(loop_scope="session")]

FILTER = {"type": "exchange.released", "org": "ml-brume"}


def verify(file: Path, vkey: Path) -> subprocess.CompletedProcess[str]:
    """The command, as an auditor runs it, without gateway or network."""
    command = [sys.executable, "-m", "gateway", "audit", "verify", str(file), "--vkey", str(vkey)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


async def test_an_export_is_announced_journaled_and_verified_offline(console: Portal, tmp_path: Path) -> None:
    """The file, its announced hash, the journal's entry and the command agree; a changed member fails."""
    async with await client(console, dpo("ml-brume")) as http:
        query = "type=exchange.released&org=ml-brume"
        made = await post(http, "/dpo/export", f"/dpo/export?{query}", **FILTER)
        assert made.status_code == 303
        page = (await http.get(made.headers["location"])).text
        answer = await http.get(f"{made.headers['location']}/file")
        (tmp_path / "log.vkey").write_bytes((await http.get("/dpo/keys")).content)
    file = tmp_path / "extract.zip"
    file.write_bytes(answer.content)
    digest = hashlib.sha256(answer.content).hexdigest()
    assert digest in page
    assert f"{len(answer.content)} octets" in page
    assert answer.headers["cache-control"] == "no-store"
    said = [each for each in await console.bed.journal() if each["type"] == "log.read"][-1]
    assert (said["what"], said["digest"], said["entries"], said["org"]) == ("extract", digest, 1, "ml-brume")
    done = verify(file, tmp_path / "log.vkey")
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    year = next(name.partition("/")[0] for name in members if name.endswith("/extract.json"))
    entry = next(name for name in members if "/entries/" in name and name.endswith(".json"))
    lines = members[f"{year}/entries.jsonl"].splitlines()
    assert [json.loads(line)["entry"] for line in lines] == [json.loads(members[entry])]
    rows = list(csv.DictReader(io.StringIO(members[f"{year}/entries.csv"].decode())))
    assert [(row["type"], row["org"], row["time_utc"][-1]) for row in rows] == [("exchange.released", "ml-brume", "Z")]
    for name in (entry, f"{year}/entries.jsonl", f"{year}/entries.csv", f"{year}/checkpoint"):
        changed = dict(members)
        changed[name] = members[name].replace(b"ml-brume", b"mx-brume").replace(b"/log/", b"/lag/")
        assert changed[name] != members[name]
        altered = tmp_path / "altered.zip"
        with zipfile.ZipFile(altered, "w") as archive:
            for member, content in changed.items():
                archive.writestr(member, content)
        assert verify(altered, tmp_path / "log.vkey").returncode != 0, name


async def test_without_a_second_factor_nothing_is_made(console: Portal) -> None:
    """The page says so, the form is not offered, and a form sent anyway is refused."""
    before = len([each for each in await console.bed.journal() if each["type"] == "log.read"])
    async with await client(console, dpo("ml-brume", strong=False)) as http:
        page = (await http.get("/dpo/export")).text
        assert "second facteur" in page
        assert "Préparer le fichier" not in page
        assert (await post(http, "/dpo/export", "/dpo/export", **FILTER)).status_code == 403
    assert len([each for each in await console.bed.journal() if each["type"] == "log.read"]) == before


async def test_an_export_is_its_makers_alone(console: Portal) -> None:
    """Another DPO, of the same institution or another, with a second factor or not: as if it did not exist."""
    async with await client(console, dpo("ml-brume")) as http:
        made = await post(http, "/dpo/export", "/dpo/export", **FILTER)
        address = made.headers["location"]
    async with await client(console, dpo("caf-brume")) as http:
        assert (await http.get(address)).status_code == 404
        assert (await http.get(f"{address}/file")).status_code == 404


async def test_an_export_holds_what_the_filter_shows_and_no_more(console: Portal) -> None:
    """Of another institution's entries nothing, whatever the form says."""
    async with await client(console, dpo("ml-brume")) as http:
        made = await post(http, "/dpo/export", "/dpo/export", org="siae-brume")
        content = (await http.get(f"{made.headers['location']}/file")).content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert not [name for name in archive.namelist() if "/entries/" in name]
