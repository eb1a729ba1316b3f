"""An archive as a folder for the person: to read, to print, to carry elsewhere, and to check without us.

    mes-informations.html  my-information.html    to read
    mes-informations.pdf   my-information.pdf     to print
    archive.json           portable.json          all of it; what rests on consent (GDPR 20)
    proof.json             SHA256SUMS             what `passerelle person check` verifies

1. files     each file is the one the sums name
2. proof     the list of entries verifies offline (`audit.person`)
3. entries   the archive holds each entry of the proof as it stands in the journal; of newer ones it tells the number
4. numbers   one entry for each number, none missing
5. text      the page has a line for each entry

Refuses a folder that is not empty, and to write anything others can read.
"""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audit.person import verify_person
from audit.report import Report, report
from audit.trust import Trust
from gateway.archive import page, pdf
from gateway.archive.content import portable
from gateway.archive.story import tell
from gateway.archive.told import Teller

CHECKS = ("files", "proof", "entries", "numbers", "text")
SUMS = "SHA256SUMS"
_NAMES = {"fr": "mes-informations", "en": "my-information"}
_OTHER = {"fr": ("my-information.html", "Read this in English"), "en": ("mes-informations.html", "Lire en français")}


class ArchiveRefused(Exception):  # noqa: N818  the command ends, with a sentence
    """The archive cannot be written where it was asked for."""

    code = "archive_refused"


def write_archive(folder: Path, content: Mapping[str, Any], proof: Mapping[str, Any], teller: Teller) -> None:
    """Write every file, the sums last."""
    files = files_of(content, proof, teller)
    require_empty(folder)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, data in files.items():
            handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
    except OSError:
        raise ArchiveRefused(f"{folder} cannot be written") from None


def pack(content: Mapping[str, Any], proof: Mapping[str, Any], teller: Teller) -> bytes:
    """The same files as one ZIP, in memory."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files_of(content, proof, teller).items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def files_of(content: Mapping[str, Any], proof: Mapping[str, Any], teller: Teller) -> dict[str, bytes]:
    """Every file by name, the sums last."""
    files = {
        "archive.json": _json(content),
        "portable.json": _json(portable(content)),
        "proof.json": _json(proof),
    }
    for lang, name in _NAMES.items():
        story = tell(content, teller, lang)
        files[f"{name}.html"] = page.render(story, other=_OTHER[lang]).encode()
        files[f"{name}.pdf"] = pdf.render(story)
    files[SUMS] = "".join(f"{_sum(data)}  {name}\n" for name, data in sorted(files.items())).encode()
    return files


def require_empty(folder: Path) -> None:
    """Before anything is read for it."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ArchiveRefused(f"{folder} is not an empty folder: an archive is written once")


def check_archive(folder: Path, trust: Trust) -> list[Report]:
    """Check an archive offline; never raises for what its files hold."""
    found: dict[str, tuple[bool | None, str]] = {}
    try:
        altered = _altered(folder)
        found["files"] = (not altered, f"not as written: {', '.join(altered)}" if altered else "")
        proved = verify_person(folder / "proof.json", trust)
        found["proof"] = (proved.ok, "")
        content = json.loads((folder / "archive.json").read_text("utf-8"))
        listed = {each["number"]: each["entry"] for each in proved.facts.get("entries", ())}
        held = {each["number"]: each["entry"] for each in content["entries"]}
        newest = max(listed, default=-1)
        same = all(held.get(number) == entry for number, entry in listed.items())
        beyond = sum(number > newest for number in held)
        if not same or any(number not in listed and number <= newest for number in held):
            found["entries"] = (False, "not those of the proof")
        elif beyond:
            found["entries"] = (None, f"{beyond} of {len(held)} are newer than the proof: ask for a newer archive")
        else:
            found["entries"] = (True, f"{len(held)}")
        first = min(held, default=0)
        found["numbers"] = ([*held] == [*range(first, first + len(content["entries"]))], "")
        text = (folder / f"{_NAMES['fr']}.html").read_text("utf-8")
        found["text"] = (all(f"<h3>N° {number} ·" in text for number in held), "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        missing = next(name for name in CHECKS if name not in found)
        found[missing] = (False, "it is not there, or not of the form it must have")
        return [report(str(folder), CHECKS, found)]
    return [proved, report(str(folder), CHECKS, found, key_given=proved.key_given)]


def _altered(folder: Path) -> list[str]:
    lines = (folder / SUMS).read_text("ascii").splitlines()
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    present = {each.name for each in folder.iterdir()} - {SUMS}
    return sorted(
        name
        for name in present | set(sums)
        if name not in present or sums.get(name) != _sum((folder / name).read_bytes())
    )


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
