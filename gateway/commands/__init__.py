"""The commands of `passerelle`, a module per noun, and what all of them use."""

import sys
from collections.abc import Coroutine
from typing import Any, NoReturn

import typer
from pydantic import ValidationError

from gateway.settings import Settings


def fail(sentence: str, status: int = 1) -> NoReturn:
    """Say why on stderr and end."""
    typer.echo(sentence, err=True)
    sys.exit(status)


def settings() -> Settings:
    """The settings of the environment; a sentence per mistake."""
    try:
        return Settings()
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_input=False)
        for mistake in mistakes:
            name = "_".join(str(part) for part in mistake["loc"]).upper()
            typer.echo(f"PASSERELLE_{name}: {mistake['msg']}", err=True)
        sys.exit(2)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a command's work on uvloop."""
    import uvloop

    return uvloop.run(work)
