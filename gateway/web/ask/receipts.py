"""What a person keeps of an answer: a page to print (PDF) and a signed file (JSON) anybody can check without us.

The signed file is the receipt of `consent/receipt.py` in its compact form, beside what it says and the keys that check
it. Where nothing was given there is nothing to sign: the printed page says what was recorded. Stores nothing.
"""

from typing import Any

import orjson

from audit import jws
from consent.errors import NothingGiven
from consent.states import Record
from gateway.archive import pdf
from gateway.archive.blocks import Block, Heading, Items, Story, Text
from gateway.records import receipt
from gateway.services import Services
from gateway.web import moments
from gateway.web.ask.screen import Screen
from gateway.web.me.phrases import Said
from gateway.web.view import Lang

FORMAT = "passerelle-receipt/1"
_PART = 4


def reference_of(record: Record) -> str:
    """What a person quotes: the record's own id, in groups of four."""
    id_ = record.id.upper()
    return " ".join(id_[start : start + _PART] for start in range(0, len(id_), _PART))


async def as_json(services: Services, record: Record, *, now: int) -> bytes | None:
    """The signed receipt with the keys to check it; None when nothing was given."""
    try:
        signed = await receipt(services, record, now=now)
    except NothingGiven:
        return None
    vkeys = services.keys.receipt.vkeys
    claims, _ = jws.verify(signed, *vkeys, typ="consent-receipt+jwt")
    content: dict[str, Any] = {
        "format": FORMAT,
        "receipt": signed,
        "says": claims,
        "keys": [jws.jwk(vkey) for vkey in vkeys],
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2)


def as_pdf(record: Record, shown: Screen, *, outcome: Said, lang: Lang, place: str) -> bytes:
    """The same to print."""
    return pdf.render(_story(record, shown, outcome, lang=lang, place=place))


def _story(record: Record, shown: Screen, outcome: Said, *, lang: Lang, place: str) -> Story:
    fr = lang == "fr"
    told = shown.found.sharing
    at = record.decided_at if record.decided_at is not None else record.changed_at
    moment = moments.paris(at, lang)
    blocks: list[Block] = [
        Text(_said(outcome, lang)),
        Text(f"Le {moment} (heure de Paris)." if fr else f"On {moment} (Paris time)."),
        Text(f"Référence : {reference_of(record)}" if fr else f"Reference: {reference_of(record)}"),
        Heading("who", "Avec qui" if fr else "With whom"),
        Text(_said(told.name, lang)),
        Heading("why", "Pour quoi faire" if fr else "What for"),
        Text(_said(told.purpose, lang)),
        Heading("what", "Quelles informations" if fr else "Which information"),
        Items(tuple(_said(name, lang) for group in shown.found.groups for name in group.fields)),
        Heading("from", "D'où elles viennent" if fr else "Where it comes from"),
        Items(tuple(_said(source, lang) for source in shown.sources)),
    ]
    if told.until is not None and told.in_force:
        day = moments.day(told.until, lang)
        blocks += [
            Heading("until", "Jusqu'à quand" if fr else "Until when"),
            Text(f"Jusqu'au {day}." if fr else f"Until {day}."),
        ]
    blocks += [
        Heading("law", "En savoir plus" if fr else "More"),
        Text(", ".join([_said(told.by_right, lang), *shown.found.laws])),
        Text(
            f"Entrée {record.entry} du journal de {place}."
            if fr
            else f"Entry {record.entry} of the journal of {place}."
        ),
    ]
    return Story(lang=lang, title="Votre reçu" if fr else "Your receipt", blocks=tuple(blocks))


def _said(said: Said, lang: Lang) -> str:
    return said[lang == "en"] if isinstance(said, tuple) else said[lang]
