"""A person's list of journal entries, and their archive, written to files for that person.

Refuses to write over another file, or a file that others can read.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from consent.errors import FlagUnknown
from consent.proof import write_proof
from gateway.archive.content import collect
from gateway.archive.files import require_empty, write_archive
from gateway.archive.told import Teller
from gateway.records import export
from gateway.services import Clock, open_services, wall_clock
from gateway.settings import Settings
from gateway.situations import NOTED


class FileRefused(Exception):  # noqa: N818  the command ends, with a sentence
    """The file cannot be written where it was asked for."""

    code = "file_refused"


async def write_proof_file(
    settings: Settings, *, partner: str, reference: str, out: Path, clock: Clock = wall_clock
) -> int:
    """Write the person's list of entries; gives how many there are."""
    async with open_services(settings, clock=clock) as services:
        subject = await services.people.resolve(partner=partner, reference=reference)
        content = await write_proof(
            subject,
            store=services.store,
            journal=services.journal,
            vault=services.vault,
            log=services.log,
            vkeys=services.keys.log.vkeys,
            reader={"org": "operator"},
            now=services.clock(),
        )
    _write(out, content)
    return len(content["entries"])


async def write_authorisations_file(
    settings: Settings, *, partner: str, reference: str, out: Path, clock: Clock = wall_clock
) -> int:
    """Write all the person's authorisations; gives how many there are."""
    async with open_services(settings, clock=clock) as services:
        subject = await services.people.resolve(partner=partner, reference=reference)
        content = await export(services, subject, reader={"org": "operator"}, now=services.clock())
    _write(out, content)
    return len(content["authorisations"])


async def write_archive_folder(
    settings: Settings, *, partner: str, reference: str, out: Path, clock: Clock = wall_clock
) -> int:
    """Write the person's archive; gives how many of its entries wait for a published checkpoint."""
    async with open_services(settings, clock=clock) as services:
        subject = await services.people.resolve(partner=partner, reference=reference)
        require_empty(out)
        content, proof = await collect(
            services, subject, reader={"org": "operator"}, months=settings.retention_months, now=services.clock()
        )
        write_archive(out, content, proof, Teller(services.catalogue))
    return sum(not each["proved"] for each in content["entries"])


async def change_situation(
    settings: Settings, *, partner: str, reference: str, situation: str, present: bool, clock: Clock = wall_clock
) -> None:
    """Note a situation that partners may note, or that it is over, which for some only an operator may."""
    if situation not in NOTED:
        raise FlagUnknown(f"{situation} is none of {', '.join(NOTED)}")
    async with open_services(settings, clock=clock) as services:
        subject = await services.people.resolve(partner=partner, reference=reference)
        await services.people.flag(subject, situation, present=present, org="operator", now=services.clock())


def _write(out: Path, content: Mapping[str, Any]) -> None:
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        raise FileRefused(f"{out} exists or cannot be written") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=1)
