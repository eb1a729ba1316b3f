"""`python -m audit verify`: the offline verifier as a command, for an auditor who has `audit` and `cryptography` only.

Exit 0 when every check that was made held, 1 when one failed, 2 for misuse or files that cannot be read.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from audit.errors import NothingToVerify
from audit.evidence import verify_paths
from audit.trust import read_trust


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, verify, print; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m audit", description="Verify the journal offline.")
    verify = parser.add_subparsers(required=True).add_parser(
        "verify", help="directories, receipts, proofs, checkpoints"
    )
    verify.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    verify.add_argument("--vkey", action="append", type=Path, default=[], help="file of public keys; repeat for more")
    verify.add_argument("--policy", type=Path, help="C2SP tlog-policy: logs, witnesses, quorum")
    verify.add_argument("--tsa-roots", type=Path, help="PEM certificates of time-stamping authorities")
    verify.add_argument("--json", action="store_true", dest="as_json", help="report as JSON")
    given = parser.parse_args(arguments)
    return check(given.paths, vkeys=given.vkey, policy=given.policy, roots=given.tsa_roots, as_json=given.as_json)


def check(
    paths: Sequence[Path], *, vkeys: Sequence[Path], policy: Path | None, roots: Path | None, as_json: bool
) -> int:
    """Verify and print; give the exit code."""
    try:
        trust = read_trust(vkeys, policy=policy, roots=roots)
        reports = verify_paths(paths, trust, processes=min(2, os.cpu_count() or 1))
    except NothingToVerify as error:
        sys.stderr.write(f"{error.code}: {error}\n")
        return 2
    ok = all(report.ok for report in reports)
    if as_json:
        text = json.dumps({"ok": ok, "reports": [report.as_json() for report in reports]}, indent=1)
    else:
        text = "\n\n".join("\n".join(report.lines()) for report in reports)
    sys.stdout.write(f"{text}\n")
    return 0 if ok else 1
