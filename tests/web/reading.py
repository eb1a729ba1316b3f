"""How hard a French page is to read, measured on what it shows (ux.md §5).

Kandel and Moles (1958), the French form of Flesch: 207 less 1.015 for each word of a sentence, less 73.6 for each
syllable of a word, on average; seventy and above is easy. Syllables are pyphen's hyphenation points. A crude measure
that catches regressions: it does not replace readers.

    found = read(html)                 # the text of <main>, without what stands under « En savoir plus »
    assert problems(found) == []

Names of institutions, dates and references are no words of ours: the page marks nothing, `names` gives them.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

import pyphen

FORBIDDEN = (
    "finalité", "finalités", "destinataire", "destinataires", "base légale", "traitement", "traitements",
    "données à caractère personnel", "consentement éclairé", "responsable de traitement", "habilitation",
    "habilitations", "périmètre", "révoquer", "pseudonyme", "pseudonymes", "API", "jeton", "jetons",
)  # fmt: skip
LEAST, LEAST_PARAGRAPH, LONGEST, MEAN = 70.0, 55.0, 20, 12.0
_FEW_WORDS = 12  # of so short a text the formula says nothing by itself; it counts in its page
_BLOCKS = frozenset({"p", "li", "h1", "h2", "h3", "dt", "dd", "th", "td", "legend", "label", "summary", "caption",
                     "button", "blockquote", "option", "div", "details"})  # fmt: skip
_SILENT = frozenset({"script", "style", "select", "textarea", "time", "code"})
_VOID = frozenset({"input", "br", "img", "link", "meta", "hr"})
_WORD = re.compile(r"[a-zàâäéèêëîïôöùûüçœæ]+(?:-[a-zàâäéèêëîïôöùûüçœæ]+)*", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?:;])\s+")
_HYPHENS = pyphen.Pyphen(lang="fr_FR", left=1, right=1)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was measured: `text` is each block of the page, in order."""

    text: tuple[str, ...]
    sentences: tuple[str, ...]
    words: int
    score: float
    mean: float


class _Text(HTMLParser):
    """The blocks of <main>; `more` is whether we are under « En savoir plus »."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[str] = [""]
        self._stack: list[tuple[str, bool]] = []
        self._summary = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            return
        said = dict(attrs)
        kinds = (said.get("class") or "").split()
        silent = tag in _SILENT or bool({"code", "said"} & set(kinds)) or "hidden" in said
        self._stack.append((tag, silent))
        if tag in _BLOCKS:
            self.blocks.append("")

    def handle_endtag(self, tag: str) -> None:
        while self._stack:
            found, _ = self._stack.pop()
            if found == tag:
                break
        if tag in _BLOCKS:
            self.blocks.append("")

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _ in self._stack]
        if "main" in tags and not any(silent for _, silent in self._stack):
            self.blocks[-1] += data


def read(html: str, *, names: Collection[str] = ()) -> Reading:
    """Measure a page; `names` (institutions, people) are taken out of its sentences."""
    parser = _Text()
    parser.feed(re.sub(r"<details>\s*<summary>\s*En savoir plus.*?</details>", "", html, flags=re.DOTALL))
    blocks = tuple(text for each in parser.blocks if (text := " ".join(each.split())))
    for name in sorted(names, key=len, reverse=True):
        blocks = tuple(each.replace(name, "Lucie") for each in blocks)
    blocks = tuple(re.sub(r"\d{1,2}(?:er)? [a-zéû]+ \d{4}(?: à \d{2}:\d{2})?", "lundi", each) for each in blocks)
    sentences = tuple(sentence for each in blocks for sentence in _sentences(each))
    score, words, mean = measure(sentences)
    return Reading(text=blocks, sentences=sentences, words=words, score=score, mean=mean)


def measure(sentences: Collection[str]) -> tuple[float, int, float]:
    """Score, number of words, words per sentence."""
    found = [word for sentence in sentences for word in _WORD.findall(sentence)]
    if not found:
        return 100.0, 0, 0.0
    mean = len(found) / len(sentences)
    syllables = sum(syllables_of(word) for word in found) / len(found)
    return 207 - 1.015 * mean - 73.6 * syllables, len(found), mean


def syllables_of(word: str) -> int:
    """Of one French word: hyphenation points, which leave a final mute « e » alone."""
    return len(_HYPHENS.inserted(word.lower()).split("-"))


def problems(found: Reading) -> list[str]:
    """What is too hard, each as a sentence; nothing when the page passes."""
    return list(_problems(found))


def _problems(found: Reading) -> Iterator[str]:
    whole = " ".join(found.text)
    for word in FORBIDDEN:
        if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", whole, 0 if word.isupper() else re.IGNORECASE):
            yield f"a word not to use: {word}"
    if found.words and found.score < LEAST:
        yield f"the page scores {found.score:.0f}, below {LEAST:.0f}"
    if found.mean > MEAN:
        yield f"{found.mean:.1f} words a sentence, more than {MEAN:.0f}"
    for sentence in found.sentences:
        count = len(_WORD.findall(sentence))
        if count > LONGEST:
            yield f"{count} words: {sentence}"
    for block in found.text:
        sentences = _sentences(block)
        score, words, _ = measure(sentences)
        if words >= _FEW_WORDS and score < LEAST_PARAGRAPH:
            yield f"a paragraph scores {score:.0f}: {block}"


def _sentences(block: str) -> list[str]:
    return [each for each in _SENTENCE.split(block) if _WORD.search(each)]
