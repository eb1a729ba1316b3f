"""Ids of entries, exchanges and requests: 128 random bits, drawn a block at a time.

One call of the operating system's generator costs as much as deciding on an exchange, so ids share a block. Only for
ids: keys, seeds and nonces are drawn one by one (`secrets`), because a repeated one would open what it seals.
"""

import os

_SIZE = 16
_block = b""


def new_id() -> str:
    """Give 32 hexadecimal digits nobody can guess (called from one thread, the event loop's)."""
    global _block  # noqa: PLW0603  the block is the whole state
    if not _block:
        _block = os.urandom(_SIZE * 64)
    drawn, _block = _block[:_SIZE], _block[_SIZE:]
    return drawn.hex()


def _forget() -> None:
    global _block  # noqa: PLW0603  idem
    _block = b""


os.register_at_fork(after_in_child=_forget)  # two processes must not draw from one block
