"""Ids: 128 random bits each, never twice, not even after a fork."""

import os

from audit.ids import new_id


def test_ids_are_32_hexadecimal_digits_and_never_repeat() -> None:
    """Blocks of 64 leave no seam."""
    drawn = [new_id() for _ in range(1_000)]
    assert len(set(drawn)) == 1_000
    assert all(len(each) == 32 and int(each, 16) >= 0 for each in drawn)


def test_a_forked_process_does_not_draw_the_same_ids() -> None:
    """The child forgets the block it inherited."""
    new_id()
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writing, new_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 32).decode() not in {new_id() for _ in range(64)}
    os.close(reading)
    os.close(writing)
