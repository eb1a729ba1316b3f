"""A person's list of journal entries, written to a file for that person.

Refuses to write over another file, or a file that others can read.
"""

import json
import os
from pathlib import Path

from consent.proof import write_proof
from gateway.services import Clock, open_services, wall_clock
from gateway.settings import Settings


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
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        raise FileRefused(f"{out} exists or cannot be written") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
    return len(content["entries"])
