"""An archive is unpacked for verification only when it is what an export makes."""

import io
import stat
import zipfile

import pytest

from audit.errors import NothingToVerify
from audit.evidence import verify_paths
from audit.table import COLUMNS, json_lines, table
from audit.trust import Trust


def written(tmp_path, members):
    file = tmp_path / "extract.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


@pytest.mark.parametrize(
    "name", ["../outside", "/absolute", "2026/../../outside", ".hidden", "a/b/c/d/e", "c:\\x", "2026//x"]
)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    """Nothing is written outside the folder."""
    file = written(tmp_path, {name: b"x"})
    with pytest.raises(NothingToVerify):
        verify_paths([file], Trust())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["extract.zip"]


def test_a_link_is_refused(tmp_path):
    """A member that points elsewhere is no member of an export."""
    file = tmp_path / "extract.zip"
    link = zipfile.ZipInfo("2026/checkpoint")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(NothingToVerify, match="no export holds"):
        verify_paths([file], Trust())


def test_a_damaged_archive_cannot_be_read(tmp_path):
    """A changed byte breaks the checksum of its member."""
    file = written(tmp_path, {"2026/checkpoint": b"x" * 1000})
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(NothingToVerify, match="cannot be read"):
        verify_paths([file], Trust())


def test_the_table_has_a_row_for_whatever_bytes():
    """Bytes that are no entry give a row with their hash alone; nothing begins like a formula."""
    text = table([(0, b"not an entry"), (1, b'{"time":1790000000000,"type":"log.created"}')]).decode()
    heading, first, second = text.strip().split("\r\n")
    assert heading.split(",") == list(COLUMNS)
    assert first.startswith("0,,,")
    assert second.startswith("1,2026-09-21T14:13:20.000Z,log.created,")
    assert not [cell for line in text.splitlines() for cell in line.split(",") if cell[:1] in set("=+-@")]
    assert io.BytesIO(json_lines([(3, b"{}")])).read() == b'{"index":3,"entry":{}}\n'
