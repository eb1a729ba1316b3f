"""`passerelle policy …`: check a catalogue, see what it changes, replay it over past decisions, sign, activate."""

import json
from collections.abc import Coroutine
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.commands import fail, run, settings

if TYPE_CHECKING:
    from gateway.catalogues.activation import Step
    from gateway.services import Services
    from policies.catalogue import Catalogue
    from policies.change import Change

policy = typer.Typer(no_args_is_help=True, help="The catalogue: what it says, what a draft changes, which one decides.")

Folder = Annotated[Path, typer.Argument(help="Folder of the draft's YAML files.")]
Reason = Annotated[str, typer.Option(help="Why, as a code for the journal: incident, drill.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@policy.command("check")
def policy_check(
    folder: Annotated[Path | None, typer.Argument(help="Folder of the catalogue; the setting's when left out.")] = None,
) -> None:
    """Check a catalogue: every problem with its file, line and reason."""
    from policies.catalogue import load

    typer.echo(load(folder or settings().catalogue).digest)


@policy.command("diff")
def policy_diff(
    folder: Folder,
    against: Annotated[Path | None, typer.Option(help="Folder to compare with; else the one in force.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a draft changes; exit code 1 when anything of it permits more.

    Example: passerelle policy diff catalogue-next/
    """
    from policies.catalogue import load
    from policies.difference import difference, widens

    draft = load(folder)
    changes = difference(load(against) if against else run(_in_force()), draft)
    if as_json:
        told = {"catalogue": draft.digest, "widening": widens(changes), "changes": [asdict(each) for each in changes]}
        typer.echo(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        _tell(changes)
    if widens(changes):
        fail("It permits more: two must sign it.")


@policy.command("replay")
def policy_replay(
    folder: Folder,
    last: Annotated[int, typer.Option(min=1, max=100_000, help="How many past decisions.")] = 1_000,
    as_json: AsJson = False,
) -> None:
    """Replay a draft over the last decisions of the journal: which would change, about how many persons."""
    from policies.catalogue import load

    found = run(_replayed(load(folder), last))
    if as_json:
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
        return
    for key, value in found.items():
        if not isinstance(value, list | dict):
            typer.echo(f"{key}: {value}")
    for row in found["fields"]:
        typer.echo(
            f"  {row['outcome']:<10} {row['field']} for {row['recipient']}, {row['purpose']}: {row['decisions']}"
        )
    for name, count in found["depends"].items():
        typer.echo(f"  uncertain on {name} (the journal does not keep it): {count}")


@policy.command("list")
def policy_list() -> None:
    """List the catalogues: the one in force, those before it, drafts; digest, since when."""

    async def work(services: "Services", _now: int) -> list[str]:
        versions = await services.activations.versions()
        states = ["in force", *["before"] * len(versions)]
        lines = [f"{each.digest} {state} {_moment(each.at)}" for each, state in zip(versions, states, strict=False)]
        return lines + [f"{digest} draft {_moment(at)}" for digest, at in await services.activations.drafts()]

    typer.echo("\n".join(run(_with(work))) or "No catalogue was activated yet: the folder's is at the first start.")


@policy.command("register")
def policy_register(folder: Folder) -> None:
    """Store a draft under its digest, for those who look at it and sign; prints the digest."""
    from policies.catalogue import load

    draft = load(folder)

    async def work(services: "Services", now: int) -> None:
        await services.activations.register(draft, now=now)

    run(_with(work))
    typer.echo(draft.digest)


@policy.command("sign")
def policy_sign(
    digest: Annotated[str, typer.Argument(help="Digest of the registered draft.")],
    key: Annotated[Path, typer.Option(help="The officer's private key.")],
) -> None:
    """Sign the step from the catalogue in force to a draft, as an officer."""

    async def work(services: "Services", now: int) -> "Step":
        return await services.activations.sign_by_officer(digest, key, now=now)

    step = run(_with(work))
    typer.echo(f"{max(step.officers, step.sessions)} of {step.needed} signatures")


@policy.command("activate")
def policy_activate(
    draft: Annotated[str, typer.Argument(help="Digest of a registered draft, or a folder.")],
) -> None:
    """Let a catalogue decide from now on; every process follows within seconds. A wider one needs two signatures.

    Example: passerelle policy activate catalogue-next/
    """
    from policies.catalogue import load

    loaded = load(draft) if Path(draft).is_dir() else None

    async def work(services: "Services", now: int) -> "Step":
        if loaded is not None:
            await services.activations.register(loaded, now=now)
        return await services.activations.activate(loaded.digest if loaded else draft, now=now)

    step = run(_with(work))
    typer.echo(f"{step.after.digest} is in force; {len(step.changes)} changes.", err=True)


async def _with(work: "Any") -> Any:
    from gateway.services import open_services

    async with open_services(settings()) as services:
        done: Coroutine[Any, Any, Any] = work(services, services.clock())
        return await done


@policy.command("freeze")
def policy_freeze(reason: Reason) -> None:
    """Stop all exchanges, at once and through every process, until `thaw`. People's choices and tokens go on."""
    run(_turned(on=True, reason=reason))


@policy.command("thaw")
def policy_thaw(reason: Reason) -> None:
    """Let exchanges go on."""
    run(_turned(on=False, reason=reason))


async def _turned(*, on: bool, reason: str) -> None:
    from gateway.services import open_services

    async with open_services(settings()) as services:
        changed = await services.freeze.turn(on=on, reason=reason, now=services.clock())
    typer.echo(f"exchanges are {'stopped' if on else 'going on'}{'' if changed else ' already'}", err=True)


async def _in_force() -> "Catalogue":
    from gateway.services import open_services

    async with open_services(settings()) as services:
        return services.catalogue


async def _replayed(draft: "Catalogue", last: int) -> dict[str, Any]:
    from gateway.catalogues.past import replay_last
    from gateway.services import open_services

    async with open_services(settings()) as services:
        found = await replay_last(services.store, draft, count=last)
    tally = found.tally
    names = ("recipient", "purpose", "field", "outcome", "decisions")
    return {
        "catalogue": draft.digest,
        "decisions": tally.decisions,
        "first_entry": found.first,
        "last_entry": found.last,
        "changed": tally.changed,
        "uncertain": tally.uncertain,
        "not_replayed": tally.unreplayed,
        "persons": len(tally.persons),
        "changed_about_nobody_known": tally.unattributed,
        "fields": [dict(zip(names, row, strict=True)) for row in tally.rows()],
        "depends": dict(sorted(tally.depends.items())),
    }


def _tell(changes: "tuple[Change, ...]") -> None:
    for each in changes:
        place = " ".join(filter(None, (each.exchange, each.recipient, each.purpose, each.field)))
        told = f"{each.before or '-'} -> {each.after or '-'}"
        typer.echo(f"{each.effect.value:<9} {place}: {each.kind.sentence('en')}: {told}")
    if not changes:
        typer.echo("Nothing changes.")


def _moment(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
