"""Opens a handed-over archive (ZIP) for the verifier, into a directory that goes away again.

Refuses, as `NothingToVerify`, what an extract never is: names that lead elsewhere, links, encryption, more or larger
members than an export holds, a member whose checksum does not hold.
"""

import re
import shutil
import stat
import zipfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from audit.errors import NothingToVerify

_NAME = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,80}/){0,3}[A-Za-z0-9_-][A-Za-z0-9._-]{0,80}")
_MEMBERS = 100_000
_BYTES = 512 << 20


def is_archive(path: Path) -> bool:
    """Tell whether a file says it is a ZIP archive."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def unpack(path: Path, stack: ExitStack) -> Path:
    """Give a directory with the members; it goes when the stack is closed."""
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="passerelle-extract-")))
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > _MEMBERS or sum(each.file_size for each in members) > _BYTES:
                raise NothingToVerify(f"{path} holds more than an export does")
            for member in members:
                _take(archive, member, folder, path)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError):
        raise NothingToVerify(f"{path} is an archive that cannot be read") from None
    return folder


def _take(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, path: Path) -> None:
    if not _NAME.fullmatch(member.filename) or stat.S_ISLNK(member.external_attr >> 16) or member.flag_bits & 1:
        raise NothingToVerify(f"{path} holds a member that no export holds")
    target = folder / member.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, target.open("xb") as out:
        shutil.copyfileobj(source, out)
