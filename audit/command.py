"""`python -m audit verify`, `… person`, `… check-authorisations`: for whoever has `audit` and `cryptography` only.

Exit 0 when every check that was made held, 1 when one failed, 2 for misuse or files that cannot be read.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from audit.authorisations_check import check_authorisations
from audit.canonical import Json
from audit.errors import NothingToVerify
from audit.evidence import verify_paths
from audit.person import verify_person
from audit.report import Report, seen
from audit.trust import read_trust


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, verify, print; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m audit", description="Verify the journal offline.")
    commands = parser.add_subparsers(required=True, dest="command")
    verify = commands.add_parser("verify", help="directories, receipts, proofs, checkpoints")
    verify.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    verify.add_argument("--tsa-roots", type=Path, help="PEM certificates of time-stamping authorities")
    person = commands.add_parser("person", help="the list of all entries about one person")
    person.add_argument("file", type=Path, metavar="FILE")
    person.add_argument("--log", type=Path, help="a copy of the log, to compare the list with")
    person.add_argument("--value", action="append", default=[], help="dataset.field=JSON, as it was shown; repeat")
    for each in (verify, person):
        each.add_argument("--vkey", action="append", type=Path, default=[], help="file of public keys; repeat for more")
        each.add_argument("--policy", type=Path, help="C2SP tlog-policy: logs, witnesses, quorum")
        each.add_argument("--json", action="store_true", dest="as_json", help="report as JSON")
    stopped = commands.add_parser("check-authorisations", help="nothing left after it was stopped")
    stopped.add_argument("directory", type=Path, metavar="DIR")
    stopped.add_argument("--json", action="store_true", dest="as_json", help="report as JSON, with counts")
    given = parser.parse_args(arguments)
    if given.command == "check-authorisations":
        return check_stopped(given.directory, as_json=given.as_json)
    options = {"vkeys": given.vkey, "policy": given.policy, "as_json": given.as_json}
    if given.command == "person":
        return check_person(given.file, values=given.value, log=given.log, **options)
    return check(given.paths, roots=given.tsa_roots, **options)


def check(
    paths: Sequence[Path], *, vkeys: Sequence[Path], policy: Path | None, roots: Path | None, as_json: bool
) -> int:
    """Verify and print; give the exit code."""
    try:
        trust = read_trust(vkeys, policy=policy, roots=roots)
        reports = verify_paths(paths, trust, processes=min(2, os.cpu_count() or 1))
    except NothingToVerify as error:
        return _misused(error)
    return _printed(reports, as_json=as_json)


def check_person(
    file: Path, *, values: Sequence[str], log: Path | None, vkeys: Sequence[Path], policy: Path | None, as_json: bool
) -> int:
    """Verify a person's list, and a copy of the log beside it, and print; give the exit code."""
    if not file.is_file():
        return _misused(NothingToVerify(f"{file} is not there"))
    try:
        shown = dict(map(_value, values))
        trust = read_trust(vkeys, policy=policy)
        reports = verify_paths([log], trust, processes=min(2, os.cpu_count() or 1)) if log else []
    except NothingToVerify as error:
        return _misused(error)
    return _printed([*reports, verify_person(file, trust, shown, copy=log)], as_json=as_json)


def check_stopped(directory: Path, *, as_json: bool) -> int:
    """Look for releases after a withdrawal and print; give the exit code."""
    try:
        found = check_authorisations(directory)
    except NothingToVerify as error:
        return _misused(error)
    return _printed([found], as_json=as_json)


def _value(text: str) -> tuple[str, Json]:
    field, _, value = text.partition("=")
    try:
        return field, json.loads(value)
    except (ValueError, RecursionError):
        raise NothingToVerify("a value is written as dataset.field=JSON") from None


def _misused(error: NothingToVerify) -> int:
    sys.stderr.write(f"{error.code}: {seen(str(error))}\n")
    return 2


def _printed(reports: Sequence[Report], *, as_json: bool) -> int:
    ok = all(report.ok for report in reports)
    if as_json:
        text = json.dumps({"ok": ok, "reports": [report.as_json() for report in reports]}, indent=1)
    else:
        text = "\n\n".join("\n".join(report.lines()) for report in reports)
    sys.stdout.write(f"{text}\n")
    return 0 if ok else 1
