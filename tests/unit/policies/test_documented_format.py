"""The page on the format names every key, every refusal and every reason, and its examples are of the form it says."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import policies
from policies import documents
from policies.reasons import Reason

PACKAGE = Path(policies.__file__).parent
PAGE = (PACKAGE.parent / "docs" / "reference" / "policy-format.md").read_text("utf-8")


def keys(schema: Any) -> set[str]:
    """Collect every key the schema knows, wherever it stands."""
    if isinstance(schema, list):
        return set().union(*(keys(each) for each in schema))
    if not isinstance(schema, dict):
        return set()
    own = set(schema["properties"]) if isinstance(schema.get("properties"), dict) else set()
    return own.union(*(keys(each) for each in schema.values()))


def test_every_key_is_explained() -> None:
    """A key of the schema that the page does not name is a key nobody can use."""
    schema = json.loads((PACKAGE / "schema.json").read_text("utf-8"))
    files = {name: each for name, each in schema["$defs"].items() if name != "facts"}
    assert keys(files) - set(re.findall(r"[a-z0-9_]+", PAGE)) == set()


def reasons(node: ast.AST) -> set[str]:
    """Collect the reasons a module refuses with: second arguments of problems, first members of what it yields."""
    place: ast.AST | None = None
    if isinstance(node, ast.Call) and len(node.args) == 3:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        place = node.args[1] if name in {"problem", "_Refused"} else None
    elif isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
        place = node.value.elts[0]
    texts = [each.value for each in ast.walk(place) if isinstance(each, ast.Constant)] if place else []
    return {text for text in texts if isinstance(text, str)}


def test_every_refusal_is_explained() -> None:
    """Whoever wrote a file finds on the page what the reason means."""
    found: set[str] = set()
    for name in ("documents.py", "checks.py", "exchange_checks.py"):
        tree = ast.parse((PACKAGE / name).read_text("utf-8"))
        found = found.union(*(reasons(node) for node in ast.walk(tree)))
    assert len(found) > 30
    assert {reason for reason in found if f"`{reason}`" not in PAGE} == set()


def test_every_reason_is_explained() -> None:
    """And the page says which are told as withheld."""
    for reason in Reason:
        (line,) = [
            line for line in PAGE.splitlines() if line.startswith("|") and f"`{reason.value}`" in line.split("|")[1]
        ][-1:]
        assert ("*withheld*" in line) == (not reason.told)


def test_the_examples_are_of_the_form(tmp_path: Path) -> None:
    """What the page shows can be copied."""
    exchange, parties = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    for kind, text in (("exchange", exchange), ("parties", parties)):
        path = tmp_path / f"{kind}.yaml"
        path.write_text(text)
        assert documents.read(path, kind).content
