"""Every message of every template has its English, and no English is left over."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from gateway.web.templates import FOLDER
from gateway.web.words import LOCALE, messages

_OPTIONS = {"**.html": {"trimmed": "true"}}


def said() -> set[str]:
    """The messages the templates say."""
    found = extract_from_dir(str(FOLDER), method_map=[("**.html", "jinja2.ext:babel_extract")], options_map=_OPTIONS)
    return {each if isinstance(each, str) else each[0] for _, _, each, _, _ in found}


def translated() -> Iterator[tuple[Path, str]]:
    for path in sorted((LOCALE / "en").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file):
                if message.id:
                    yield path, message.id if isinstance(message.id, str) else message.id[0]


def test_no_message_is_missing_or_left_over() -> None:
    assert sorted(said() - {message for _, message in translated()}) == []
    assert sorted({message for _, message in translated()} - said()) == []


def test_a_message_is_translated_once() -> None:
    """Two areas that say the same use one translation (`base.po` holds what several say)."""
    seen = [message for _, message in translated()]
    assert sorted({message for message in seen if seen.count(message) > 1}) == []


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_numbers_agree(lang: str) -> None:
    """French counts zero as one, English does not."""
    said = messages(lang)  # type: ignore[arg-type]
    assert said.ngettext("un", "plusieurs", 0) == ("un" if lang == "fr" else "plusieurs")
    assert said.ngettext("un", "plusieurs", 1) == "un"
    assert said.ngettext("un", "plusieurs", 2) == "plusieurs"
