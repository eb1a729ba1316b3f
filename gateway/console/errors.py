"""What the console can refuse.

ConsoleError
├── SearchRefused     a search by a word that is not in the lists
├── NotYours          an entry, an export or a page of another institution: told as if it did not exist
├── ExportTooLarge    more entries than one export holds
├── SecondFactorRequired  a session without a second factor
├── ExportAltered     an entry of an export does not verify: nothing is handed over
└── CaseRequired      a search from an identity without the number of the case
"""

# ruff: noqa: N818  the words say what happened, the base class says it is an error


class ConsoleError(Exception):
    """Base of everything the console refuses; `code` is stable."""

    code = "console_error"


class SearchRefused(ConsoleError):
    """A search by a word that is not in the lists; `name` says which filter."""

    code = "search_refused"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name}: not one of the words there are")
        self.name = name


class NotYours(ConsoleError):
    """Not there, or not this DPO's: the two are told alike."""

    code = "not_found"


class ExportTooLarge(ConsoleError):
    """More entries than one export holds; `most` says how many it does."""

    code = "export_too_large"

    def __init__(self, most: int) -> None:
        super().__init__(f"an export holds {most} entries at most")
        self.most = most


class SecondFactorRequired(ConsoleError):
    """An export leaves the console: it needs a session with a second factor."""

    code = "second_factor_required"


class CaseRequired(ConsoleError):
    """A search from an identity is made for a case, and says which."""

    code = "case_required"


class ExportAltered(ConsoleError):
    """An entry does not verify: no export is made of a journal that is altered."""

    code = "export_altered"
