"""What this package can refuse with an exception. A denial is not one of them: it is a verdict.

PolicyError
├── CatalogueInvalid     the files do not make a catalogue; carries every problem found
├── CatalogueMismatch    a decision is being applied with another catalogue than the one that took it
├── UnknownName          a caller named a recipient, purpose, dataset or field that does not exist
└── FactsInvalid         recorded facts cannot be read back
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in one file: where, a stable reason, and a sentence for whoever wrote the file."""

    file: str
    line: int
    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}: {self.detail}"


class PolicyError(Exception):
    """Base of everything this package raises; `code` is stable and documented."""

    code = "policy_error"


class CatalogueInvalid(PolicyError):  # noqa: N818  the field says "invalid"
    """The files do not make a catalogue. Nothing of them is used, not even the parts that are right."""

    code = "catalogue_invalid"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class CatalogueMismatch(PolicyError):  # noqa: N818
    """The decision names another catalogue than the one at hand."""

    code = "catalogue_mismatch"


class UnknownName(PolicyError):  # noqa: N818
    """A caller named something that does not exist.

    The name itself is not repeated: a caller may have put a person's data in its place.
    """

    code = "unknown_name"

    def __init__(self, kind: str, position: int = 0) -> None:
        super().__init__(f"unknown {kind} at position {position}")
        self.kind = kind
        self.position = position


class FactsInvalid(PolicyError):  # noqa: N818
    """Recorded facts cannot be read back: they are not what `Facts.to_json` writes."""

    code = "facts_invalid"
