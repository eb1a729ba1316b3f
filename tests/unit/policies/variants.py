"""Loads the package again under another name, with some of its source text replaced.

Every module of the variant imports the variant's own modules, so one changed line reaches everything that uses it.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import policies

ROOT = Path(policies.__file__).parent
Replacements = Mapping[str, Sequence[tuple[str, str]]]


@dataclass(frozen=True)
class Variant:
    """A loaded variant: its modules by name."""

    name: str

    def __getattr__(self, module: str) -> Any:
        return importlib.import_module(f"{self.name}.{module}")


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, name: str, replacements: Replacements) -> None:
        self.name, self.replacements = name, replacements

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] != self.name:
            return None
        package = fullname == self.name
        file = ROOT / ("__init__.py" if package else f"{fullname.partition('.')[2]}.py")
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=str(file), is_package=package)
        spec.has_location = True
        return spec

    def exec_module(self, module: ModuleType) -> None:
        assert module.__file__ is not None
        source = Path(module.__file__).read_text()
        for old, new in self.replacements.get(module.__name__.partition(".")[2], ()):
            assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {module.__file__}"
            source = source.replace(old, new)
        source = source.replace("from policies", f"from {self.name}")
        # under another file name, so that a variant covers no line of the package
        exec(compile(source, f"{self.name}/{module.__name__}", "exec"), module.__dict__)  # noqa: S102  our own source, one line changed


@contextmanager
def variant(replacements: Replacements, name: str = "policies_variant") -> Iterator[Variant]:
    """Load the package with each `(old, new)` replaced in the module named; forget it at the end."""
    finder = _Finder(name, replacements)
    sys.meta_path.insert(0, finder)
    try:
        yield Variant(name)
    finally:
        sys.meta_path.remove(finder)
        for loaded in [each for each in sys.modules if each.partition(".")[0] == name]:
            del sys.modules[loaded]
