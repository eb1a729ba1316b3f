"""How one key takes over from another: whoever holds the older one can go on to the newer without believing anybody.

A statement is a signed note of five lines: `<name>/succession`, use, public text of the key before, of the key that
takes over, milliseconds UTC. It cannot pass for a checkpoint: its second line is no number. A witness key signs it as
it signs everything, dated. Pure: the offline verifier needs it. Refuses a statement that one of the two has not signed.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from audit.checkpoint import open_note, sign_note, split_note
from audit.cosignature import Cosigner, WitnessVkey
from audit.errors import AuditError, NoteInvalid
from audit.keys import Signer, Vkey, parse_vkey

KINDS: Mapping[str, type[Vkey]] = {"log": Vkey, "receipt": Vkey, "witness": WitnessVkey}


@dataclass(frozen=True, slots=True)
class Succession:
    """What a statement says."""

    use: str
    former: Vkey
    key: Vkey
    since: int

    def text(self) -> str:
        """Write the signed lines."""
        return f"{self.key.name}/succession\n{self.use}\n{self.former}\n{self.key}\n{self.since}\n"


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A public key with the time it was in force, and the statement by which it took over."""

    use: str
    key: str
    since: int | None
    until: int | None
    succession: str | None


def declare(use: str, former: Signer | Cosigner, key: Signer | Cosigner, *, now: int) -> str:
    """Write the statement, signed under both."""
    text = Succession(use, former.vkey, key.vkey, now).text()
    return text + "\n" + "".join(_line(text, signer, now) for signer in (former, key))


def _line(text: str, signer: Signer | Cosigner, now: int) -> str:
    if isinstance(signer, Cosigner):
        return signer.cosign(text, now // 1000)
    return sign_note(text, signer).removeprefix(text + "\n")


def read(note: str) -> Succession:
    """Read a statement that both keys have signed."""
    text, _ = split_note(note)
    try:
        _, use, former, key, since = text.removesuffix("\n").split("\n")
        said = Succession(use, parse_vkey(former, KINDS[use]), parse_vkey(key, KINDS[use]), int(since))
    except (ValueError, KeyError, AuditError):
        raise NoteInvalid("not a statement about keys") from None
    if said.text() != text or said.former.name != said.key.name:
        raise NoteInvalid("not a statement about keys")
    open_note(note, said.former)
    open_note(note, said.key)
    return said


def members(note: str) -> dict[str, str]:
    """Give the members of the journal's entry; the entry's time is the statement's."""
    said, (_, signatures) = read(note), split_note(note)
    by_former, by_key = (
        next(base64.b64encode(one.value).decode() for one in signatures if one.claims(vkey))
        for vkey in (said.former, said.key)
    )
    names = {"use": said.use, "name": said.key.name, "former": raw(said.former), "key": raw(said.key)}
    return {**names, "by_former": by_former, "by_key": by_key}


def of_entry(entry: Mapping[str, Any]) -> str:
    """Write the statement again from an entry `key.rotated`; whether it holds, `read` tells."""
    kind = KINDS[entry["use"]]
    former, key = (kind(entry["name"], base64.b64decode(entry[which])[1:]) for which in ("former", "key"))
    lines = (
        f"— {vkey.name} {base64.b64encode(vkey.key_id + base64.b64decode(entry[by])).decode()}\n"
        for vkey, by in ((former, "by_former"), (key, "by_key"))
    )
    return Succession(entry["use"], former, key, entry["time"]).text() + "\n" + "".join(lines)


def follow(held: Iterable[Vkey], notes: Iterable[str]) -> tuple[Vkey, ...]:
    """Give the keys one comes to from those one holds, oldest first; statements of strangers lead nowhere.

    A statement counts for a key under the name it is held under: the same bytes held for another log, or for receipts,
    name no successor here. Held keys bear the base name, as statements do.
    """
    believed = dict.fromkeys(held)
    said = []
    for note in notes:
        with suppress(NoteInvalid):
            said.append(read(note))
    for one in sorted(said, key=lambda one: one.since):
        if one.former in believed:
            believed.setdefault(one.key)
    return tuple(believed)


def raw(vkey: Vkey) -> str:
    """Write kind and key, as entries hold them: the name stands beside."""
    return base64.b64encode(vkey.kind + vkey.public).decode()


def to_json(keys: Sequence[PublishedKey]) -> str:
    """Write the file `keys` of an export, and the body of `GET /log/keys`."""
    names = PublishedKey.__slots__
    return json.dumps({"keys": [{name: getattr(key, name) for name in names} for key in keys]}, indent=1) + "\n"


def from_json(text: str) -> list[PublishedKey]:
    """Read such a file; nothing in it is believed by being there."""
    try:
        found = [PublishedKey(**key) for key in json.loads(text)["keys"]]
        for key in found:
            parse_vkey(key.key, KINDS[key.use])
            if not isinstance(key.succession, str | None):
                raise NoteInvalid("a statement about keys is not text")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NoteInvalid("not a list of keys") from None
    return found
