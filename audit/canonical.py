"""One byte string per value: canonical JSON, RFC 8785, restricted to what a journal may say.

Answers for: the same value always gives the same bytes. Refuses: floats, integers beyond 2^53 - 1 (RFC 8785
§3.2.2.3 would round them), keys outside ASCII (their order would need UTF-16, §3.2.3), lone surrogates.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import NoReturn, TypeAlias

from audit.errors import NotCanonical

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json] | None"

_MAX_INTEGER = 2**53 - 1
_MAX_DEPTH = 32

_encode = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode


def dumps(value: Json) -> bytes:
    """Give the canonical bytes of a value, or raise `NotCanonical`."""
    if value is True or value is False:  # most values that are committed to are no longer than this
        return b"true" if value else b"false"
    _check(value, _MAX_DEPTH)
    if type(value) is int:
        return b"%d" % value
    return write(value)


def write(value: Json) -> bytes:
    """Give the canonical bytes of a value whose every part is already known to have some."""
    try:
        return _encode(value).encode()
    except UnicodeEncodeError:
        raise NotCanonical("a string holds a lone surrogate") from None


def digest(value: Json) -> bytes:
    """Give the SHA-256 of the canonical bytes."""
    return hashlib.sha256(dumps(value)).digest()


def loads(data: bytes) -> Json:
    """Read canonical bytes; anything that is not byte for byte what `dumps` gives is refused."""
    try:
        value: Json = _decode(data.decode())
    except (ValueError, RecursionError):
        raise NotCanonical("not JSON of the kind a journal holds") from None
    shallow = data.count(b"[") + data.count(b"{") <= _MAX_DEPTH
    again = write(value) if shallow and data.isascii() else dumps(value)  # decoding has checked the rest already
    if again != data:
        raise NotCanonical("JSON, but not in canonical form")
    return value


def _refuse(_: str) -> NoReturn:
    raise ValueError


def _integer(text: str) -> int:
    value = int(text)
    if not -_MAX_INTEGER <= value <= _MAX_INTEGER:
        raise ValueError
    return value


_decode = json.JSONDecoder(parse_int=_integer, parse_float=_refuse, parse_constant=_refuse).decode


def _check(value: object, depth: int) -> None:
    kind = type(value)
    if kind is str or kind is bool or value is None or isinstance(value, str):
        return
    if kind is int:
        if not -_MAX_INTEGER <= value <= _MAX_INTEGER:  # type: ignore[operator]  # kind is int
            raise NotCanonical("an integer beyond 2^53 - 1")
        return
    if depth == 0:
        raise NotCanonical("nested too deeply")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise NotCanonical("a key that is not an ASCII string")
            _check(item, depth - 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item, depth - 1)
    else:
        raise NotCanonical(f"a {kind.__name__} has no canonical form here")
