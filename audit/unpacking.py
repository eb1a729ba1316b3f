"""Opens a handed-over archive (ZIP) for the verifier, into a directory that goes away again.

Refuses, as `NothingToVerify`, what an extract never is: names that lead elsewhere, links, encryption, other compression
than the common one, more or larger members than an export holds or than so small a file can, a member whose checksum
does not hold.
"""

import re
import shutil
import stat
import struct
import zipfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from audit.errors import NothingToVerify

_NAME = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,80}/){0,3}[A-Za-z0-9_-][A-Za-z0-9._-]{0,80}")
_MEMBERS = 100_000
_BYTES = 512 << 20
_RATIO, _SMALL = 100, 16 << 20  # hashes do not shrink; what does, a table, not as much
_COMPRESSIONS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


def is_archive(path: Path) -> bool:
    """Tell whether a file says it is a ZIP archive."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def unpack(path: Path, stack: ExitStack) -> Path:
    """Give a directory with the members; it goes when the stack is closed."""
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="passerelle-extract-")))
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            most = min(_BYTES, max(_SMALL, _RATIO * path.stat().st_size))
            if len(members) > _MEMBERS or sum(each.file_size for each in members) > most:
                raise NothingToVerify(f"{path} holds more than an export does")
            for member in members:
                _take(archive, member, folder, path)
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError):
        raise NothingToVerify(f"{path} is an archive that cannot be read") from None
    return folder


def _take(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, path: Path) -> None:
    link, known = stat.S_ISLNK(member.external_attr >> 16), member.compress_type in _COMPRESSIONS
    if not _NAME.fullmatch(member.filename) or link or member.flag_bits & 1 or not known:
        raise NothingToVerify(f"{path} holds a member that no export holds")
    target = folder / member.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, target.open("xb") as out:
        shutil.copyfileobj(source, out)
