"""`passerelle audit verify`: the offline verifiers of `audit`, for a directory or a receipt, as lines or JSON."""

import json
from pathlib import Path
from typing import Any

from audit import receipts
from audit.errors import ReceiptInvalid
from audit.keys import Vkey, parse_vkey
from audit.verify import verify_directory


class NothingToVerify(Exception):  # noqa: N818  ends the command with a sentence
    """The path is neither an exported directory nor a receipt, or its key is missing."""

    code = "nothing_to_verify"


def verify(path: Path, vkey: Path | None) -> dict[str, Any]:
    """The report: `ok`, `checks`, and the same as `lines`."""
    key = _key(vkey) if vkey else None
    if path.is_dir():
        report = verify_directory(path, key)
        checks = [
            {"number": each.number, "name": each.name, "ok": each.ok, "detail": each.detail} for each in report.checks
        ]
        whose = "" if key else " (with the key found beside it)"
        verdict = f"{'The log is intact' if report.ok else 'THE LOG IS NOT INTACT'}: {report.size} entries{whose}"
        return {"ok": report.ok, "checks": checks, "lines": [*map(str, report.checks), verdict]}
    if key is None:
        raise NothingToVerify("a receipt is verified with --vkey, the file of the receipts' public key")
    try:
        entry = receipts.verify(json.loads(path.read_text("utf-8")), key)
    except (OSError, ValueError) as error:
        raise NothingToVerify(f"{path} is neither a directory nor a receipt") from error
    except ReceiptInvalid as error:
        return {"ok": False, "checks": [{"name": "receipt", "ok": False, "detail": str(error)}], "lines": [str(error)]}
    said = f"The receipt holds: {entry['type']} of {entry.get('org', '')}"
    return {"ok": True, "checks": [{"name": "receipt", "ok": True, "detail": ""}], "lines": [said]}


def _key(path: Path) -> Vkey:
    try:
        return parse_vkey(path.read_text("ascii"))
    except (OSError, UnicodeDecodeError):
        raise NothingToVerify(f"{path} holds no public key") from None
