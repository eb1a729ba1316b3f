"""`passerelle console …`: what the DPO's console keeps beside the journal."""

import typer

from gateway.commands import run, settings

console = typer.Typer(no_args_is_help=True, help="The DPO's console.")


@console.callback()
def _console() -> None:
    """Give the noun its verbs."""


@console.command("reindex")
def console_reindex() -> None:
    """Forget what the search knows and read the whole journal again; a running gateway may go on meanwhile.

    The journal is not touched: nothing shown or proved rests on the search.
    """
    from gateway.console.commands import reindex

    count = run(reindex(settings()))
    typer.echo(f"{count} entries", err=True)
