"""Officers: those whose two signatures an erasure needs. Their public keys stand in a file, their private ones do not.

Refuses a file that is not one public key (C2SP vkey) per line; without a file nobody may sign.
"""

from pathlib import Path

from audit.errors import KeyRefused
from audit.keys import Vkey, create_key, parse_vkey


def read_officers(path: Path) -> tuple[Vkey, ...]:
    """Read the keys of `PASSERELLE_OFFICERS`; blank lines and lines that begin with # are skipped."""
    try:
        lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError):
        raise KeyRefused(f"{path} cannot be read") from None
    return tuple(parse_vkey(line) for line in lines if line and not line.startswith("#"))


def create_officer(name: str, path: Path) -> Vkey:
    """Draw an officer's key on the officer's own machine; gives the line for the file of officers."""
    return create_key(path, name).vkey
