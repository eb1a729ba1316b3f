"""Power lost at any moment: only what has reached the disk comes back (SQLite, on a file system of its own)."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from audit.errors import AuditError
from tests.crash.logs import Acknowledged, check, create, log_at
from tests.crash.roles import careless, publish, running, start, write


@contextmanager
def disk(image: Path, folder: Path) -> Iterator[Path]:
    """Mount an ext4 image through a loop device: what was not flushed to it is not in the image's file."""
    folder.mkdir()
    if subprocess.run(["mount", "-o", "loop", image, folder], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here; the killed processes of the other tests stand for it")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def formatted(image: Path) -> Path:
    """An empty image."""
    with image.open("wb") as file:
        file.truncate(48 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    return image


async def cut(home: Path, *roles: tuple[object, object]) -> tuple[Path, Acknowledged]:
    """Write and publish on a disk, stop everybody in the middle, take the disk as it is; gives it and what was told."""
    acknowledged = Acknowledged(home / "acknowledged")
    with disk(formatted(home / "image"), home / "disk") as folder:
        url = await create(f"sqlite:///{folder}/passerelle.db")
        (folder / "acknowledged").symlink_to(home / "acknowledged")  # what was told is not on the disk that is cut
        processes = [start(role, url, folder, argument) for role, argument in roles]
        with running(*processes):
            await acknowledged.reach(200)
            for process in processes:
                os.kill(process.pid or 0, signal.SIGSTOP)
            shutil.copy(home / "image", home / "cut")
    return home / "cut", acknowledged


async def test_a_disk_without_power_holds_all_that_was_acknowledged(tmp_path: Path) -> None:
    """Entries, checkpoints and the memory of the signer were flushed before anybody was told."""
    image, acknowledged = await cut(tmp_path, (write, 12), (publish, "signer"))
    with disk(image, tmp_path / "again") as folder:
        async with log_at(f"sqlite:///{folder}/passerelle.db", folder / "signer") as log:
            assert await check(log, acknowledged, tmp_path / "copy") > 100


async def test_a_writer_that_does_not_flush_is_found_out(tmp_path: Path) -> None:
    """The trial can fail: without SQLite's synchronous=FULL, acknowledged entries are not on the disk."""
    image, acknowledged = await cut(tmp_path, (careless, 12))
    with disk(image, tmp_path / "again") as folder, pytest.raises((AssertionError, IndexError, AuditError)):
        async with log_at(f"sqlite:///{folder}/passerelle.db", folder / "signer") as log:
            await check(log, acknowledged)
