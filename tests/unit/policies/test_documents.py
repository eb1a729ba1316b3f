"""Strict reading: what a reader of the file could misread is refused, with file, line and reason."""

from pathlib import Path

import pytest

from policies import documents
from policies.errors import CatalogueInvalid, Problem

PURPOSES = """\
purposes:
  alpha.one:
    sentence: {fr: "Une phrase.", en: "A sentence."}
"""


def read(folder: Path, text: str | bytes, kind: str = "purposes") -> documents.Document:
    path = folder / "purposes.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return documents.read(path, kind)


def refusal(folder: Path, text: str | bytes, kind: str = "purposes") -> list[tuple[int, str]]:
    with pytest.raises(CatalogueInvalid) as refused:
        read(folder, text, kind)
    assert all(problem.file == "purposes.yaml" for problem in refused.value.problems)
    return [(problem.line, problem.reason) for problem in refused.value.problems]


def test_a_plain_document_is_read_with_its_lines(tmp_path: Path) -> None:
    """Every key knows its line, so that a problem can be shown where it stands."""
    document = read(tmp_path, PURPOSES)
    assert document.content == {"purposes": {"alpha.one": {"sentence": {"fr": "Une phrase.", "en": "A sentence."}}}}
    assert document.lines["purposes", "alpha.one"] == 2
    steps = ("purposes", "alpha.one", "sentence", "de")
    assert document.problem(steps, "why", "because") == Problem("purposes.yaml", 3, "why", "because")
    assert document.problem(("nothing",), "why", "because").line == 1


REFUSED = {
    "unknown key": (PURPOSES + "    bannned: true\n", [(4, "unknown_key")]),
    "unknown key at the top": (PURPOSES + "version: 1\n", [(4, "unknown_key")]),
    "duplicate key": (PURPOSES + "  alpha.one:\n    sentence: {fr: a, en: b}\n", [(4, "duplicate_key")]),
    "duplicate key under quotes": (PURPOSES + '  "alpha.one": {}\n', [(4, "duplicate_key")]),
    "anchor": (PURPOSES.replace("{fr", "&x {fr"), [(3, "anchor")]),
    "anchor on a word": (PURPOSES.replace('"Une', '&x "Une'), [(3, "anchor")]),
    "alias": ("purposes: *x\n", [(1, "anchor")]),
    "merge key": (PURPOSES + "    <<: {banned: true}\n", [(4, "unknown_key")]),
    "tag": (PURPOSES.replace('"Une', '!!str "Une'), [(3, "tag")]),
    "local tag": (PURPOSES.replace("{fr", "!boom {fr"), [(3, "tag")]),
    "second document": (PURPOSES + "---\na: b\n", [(4, "several_documents")]),
    "key that is a list": ("? [a, b]\n: c\n", [(1, "key_not_text")]),
    "not a mapping": ("- a\n- b\n", [(1, "not_a_mapping")]),
    "empty": ("", [(1, "not_a_mapping")]),
    "not YAML": ("a: b\n c: d\n", [(2, "not_yaml")]),
    "unfinished": ("a: [b\n", [(2, "not_yaml")]),
    "control character": ("a: \x07\n", [(1, "not_yaml")]),
    "line break in a value": (PURPOSES.replace('"Une phrase."', '"Une\\nphrase."'), [(3, "control_character")]),
    "invisible character in a key": (PURPOSES.replace("alpha.one", '"alpha.one\\u200b"'), [(2, "control_character")]),
    "too deep": ("a: " + "[" * 20 + "]" * 20, [(1, "too_deep")]),
    "too deep to recurse": ("a: " + "[" * 100_000, [(1, "too_deep")]),
    "not UTF-8": (b"a: b\nc: \xff\n", [(2, "not_utf8")]),
    "too large": ("a: " + "b" * 300_000, [(1, "too_large")]),
    "text where a yes or no is asked": (PURPOSES + "    banned: yes\n", [(4, "form")]),
    "missing key": ("purposes:\n  alpha.one:\n    banned: true\n", [(2, "form")]),
    "name that is not one": (PURPOSES.replace("alpha.one", "Alpha One"), [(2, "form")]),
    "wildcard": (PURPOSES.replace("alpha.one", '"alpha.*"'), [(2, "wildcard")]),
    "null": (PURPOSES + "    banned:\n", [(4, "form")]),
    "sentence far too long": (PURPOSES.replace("Une phrase.", "x" * 400), [(3, "form")]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_be_misread_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    """A file that is wrong anywhere is wrong as a whole, and says where."""
    text, expected = REFUSED[name]
    assert refusal(tmp_path, text) == expected


def test_every_problem_of_a_file_is_reported(tmp_path: Path) -> None:
    """Whoever wrote the file corrects it once."""
    assert refusal(tmp_path, PURPOSES + "    one: 1\n    two: 2\n") == [(4, "unknown_key"), (5, "unknown_key")]


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    """A missing file is refused like a wrong one."""
    with pytest.raises(CatalogueInvalid) as refused:
        documents.read(tmp_path / "none.yaml", "purposes")
    assert str(refused.value) == "none.yaml:1: unreadable: the file cannot be read (No such file or directory)"
    assert refused.value.code == "catalogue_invalid"


def test_words_stay_words(tmp_path: Path) -> None:
    """Only `true`, `false` and whole numbers are anything but the text that was typed."""
    text = "words: [no, on, 1e3, 012, 2026-01-01, 1.5, ~, -7, 0, true, '5', 0x1F, 1_000]\n"
    path = tmp_path / "words.yaml"
    path.write_text(text)
    content, _ = documents._parse(text)
    assert content["words"] == [
        "no", "on", "1e3", "012", "2026-01-01", "1.5", "~", -7, 0, True, "5", "0x1F", "1_000",
    ]  # fmt: skip
