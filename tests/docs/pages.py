"""Pages whose tables are written from the code, each between its marks: `<!-- name -->` and `<!-- /name -->`."""

from collections.abc import Callable, Mapping


def fill(text: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """The page with each table between its marks."""
    for name, table in tables.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{table()}\n{end}{rest.partition(end)[2]}"
    return text
