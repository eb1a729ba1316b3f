"""`passerelle partner …`: partner systems that may ask for tokens."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.commands import run, settings

if TYPE_CHECKING:
    from gateway.oauth.partners import Partner

_Name = Annotated[str, typer.Argument(help="Id of the partner.")]
_Json = Annotated[bool, typer.Option("--json", help="As JSON.")]

partner = typer.Typer(no_args_is_help=True, help="Partner systems that may ask for tokens.")


@partner.command("add")
def partner_add(
    name: Annotated[str, typer.Argument(help="Id of the institution in the catalogue, e.g. ml-brume.")],
    siret: Annotated[str, typer.Option(help="SIRET of the institution, 14 digits.")],
    scope: Annotated[list[str], typer.Option(help="Scope it may ask for; repeat for each.")],
    jwks: Annotated[Path | None, typer.Option(help="File of its public keys (RFC 7517 set).")] = None,
    jwks_uri: Annotated[
        str | None, typer.Option(help="Address where it publishes its keys, instead of --jwks.")
    ] = None,
    title: Annotated[str, typer.Option(help="Name people read; the catalogue's when left out.")] = "",
    batch_job: Annotated[list[str] | None, typer.Option(help="Batch job it declares; repeat for each.")] = None,
    binding: Annotated[
        str, typer.Option(help="What its tokens are bound to: dpop, mtls, or bearer (nothing).")
    ] = "dpop",
    certificate: Annotated[
        list[str] | None, typer.Option(help="For mtls: san_dns:…, subject_dn:… or sha256:…; repeat for each.")
    ] = None,
    redirect_uri: Annotated[list[str] | None, typer.Option(help="Where people come back to; repeat for each.")] = None,
) -> None:
    """Register a partner system.

    Example: passerelle partner add ml-brume --siret 99900104300010 --jwks ml.jwks.json --scope data:rsa
    """
    from gateway.partners import add

    more: dict[str, Any] = {
        "batch_jobs": batch_job or (),
        "certificates": certificate or (),
        "redirect_uris": redirect_uri or (),
    }
    more |= {"title": title, "binding": binding, "jwks_uri": jwks_uri}
    run(add(settings(), name=name, siret=siret, jwks=jwks, scopes=scope, **more))
    typer.echo(f"{name} is registered.", err=True)


@partner.command("list")
def partner_list(as_json: _Json = False) -> None:
    """List the registrations: id, status, what its tokens are bound to, where its keys are.

    Example: passerelle partner list --json
    """
    from gateway.partners import listed

    found = run(listed(settings()))
    if as_json:
        typer.echo(json.dumps({"partners": [_members(each) for each in found]}, indent=1))
        return
    for each in found:
        keys = f"{len(each.jwks)} keys" if each.jwks_uri is None else each.jwks_uri
        typer.echo(f"{each.id}  {each.status}  {each.binding}  {keys}  {len(each.scopes)} scopes")


@partner.command("show")
def partner_show(name: _Name, as_json: _Json = False) -> None:
    """Show one registration: each key by kid and RFC 7638 thumbprint, to compare with the partner by telephone.

    Example: passerelle partner show ml-brume
    """
    from gateway.partners import shown

    _tell(run(shown(settings(), name)), as_json=as_json)


@partner.command("rotate")
def partner_rotate(
    name: _Name,
    jwks: Annotated[Path | None, typer.Option(help="File of keys that take the place of all.")] = None,
    jwks_uri: Annotated[str | None, typer.Option(help="https address where the partner publishes them.")] = None,
    add: Annotated[Path | None, typer.Option(help="File of keys to accept beside those there are.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="kid of a key to take away; repeat for each.")] = None,
    as_json: _Json = False,
) -> None:
    """Change a partner's keys. With overlap: --add the next, wait until the partner signs with it, --remove the former.

    Example: passerelle partner rotate ml-brume --add ml-2027.jwks.json
    """
    from gateway.partners import NewKeys, rotate

    ways = [jwks is not None, jwks_uri is not None, add is not None or bool(remove)]
    if sum(ways) != 1:
        raise typer.BadParameter("give one of --jwks, --jwks-uri, or --add and --remove")
    new = NewKeys(jwks=jwks, jwks_uri=jwks_uri, more=add, less=remove or ())
    _tell(run(rotate(settings(), name, new)), as_json=as_json)


@partner.command("scopes")
def partner_scopes(
    name: _Name,
    scope: Annotated[list[str], typer.Option(help="Scope it may ask for from now on; repeat for each.")],
    as_json: _Json = False,
) -> None:
    """Let a partner ask for exactly these scopes; running tokens lose the others within five seconds.

    Example: passerelle partner scopes ml-brume --scope data:rsa --scope data:c2s
    """
    from gateway.partners import set_scopes

    _tell(run(set_scopes(settings(), name, scope)), as_json=as_json)


@partner.command("bind")
def partner_bind(
    name: _Name,
    binding: Annotated[str, typer.Option(help="What its tokens are bound to: dpop, mtls, or bearer (nothing).")],
    certificate: Annotated[
        list[str] | None, typer.Option(help="For mtls: san_dns:…, subject_dn:… or sha256:…; repeat for each.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Bind a partner's tokens otherwise; running tokens that are not bound so open nothing within five seconds.

    Example: passerelle partner bind ml-brume --binding dpop
    """
    from gateway.partners import set_binding

    _tell(run(set_binding(settings(), name, binding, certificate or ())), as_json=as_json)


@partner.command("suspend")
def partner_suspend(name: _Name, as_json: _Json = False) -> None:
    """End a partner's tokens at once, and refuse its assertions within five seconds, on every process.

    Example: passerelle partner suspend ml-brume
    """
    from gateway.oauth.partners import SUSPENDED
    from gateway.partners import set_status

    _tell(run(set_status(settings(), name, SUSPENDED)), as_json=as_json)


@partner.command("resume")
def partner_resume(name: _Name, as_json: _Json = False) -> None:
    """Let a suspended partner in again.

    Example: passerelle partner resume ml-brume
    """
    from gateway.oauth.partners import ACTIVE
    from gateway.partners import set_status

    _tell(run(set_status(settings(), name, ACTIVE)), as_json=as_json)


def _members(of: "Partner") -> dict[str, Any]:
    """What a registration says, in the words of RFC 7591 where it has one."""
    from gateway.oauth.jwks import thumbprint

    return {
        "client_id": of.id,
        "client_name": of.name,
        "siret": of.siret,
        "status": of.status,
        "scope": " ".join(sorted(of.scopes)),
        "binding": of.binding,
        "certificates": list(of.certificates),
        "keys": [{"kid": key["kid"], "alg": key["alg"], "thumbprint": thumbprint(key)} for key in of.jwks],
        "jwks_uri": of.jwks_uri,
        "redirect_uris": list(of.redirect_uris),
        "batch_jobs": sorted(of.batch_jobs),
        "created_at": of.created_at,
        "changed_at": of.changed_at,
    }


def _tell(registration: "Partner", *, as_json: bool) -> None:
    members = _members(registration)
    if as_json:
        typer.echo(json.dumps(members, indent=1))
        return
    for name, value in members.items():
        if name == "keys":
            for key in value:
                typer.echo(f"key            {key['kid']}  {key['alg']}  {key['thumbprint']}")
        elif name.endswith("_at"):
            typer.echo(f"{name:<14} {datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec='seconds')}")
        elif value:
            typer.echo(f"{name:<14} {' '.join(value) if isinstance(value, list) else value}")


@partner.command("key")
def partner_key(
    file: Annotated[Path, typer.Argument(help="Where the private key (PEM) goes; must not exist.")],
    jwks: Annotated[Path, typer.Option(help="Where the public set to register goes.")],
) -> None:
    """Draw a key pair to try the gateway with. A real partner's key never leaves the partner."""
    from gateway.partner_keys import create

    create(file, jwks)


@partner.command("token")
def partner_token(
    name: Annotated[str, typer.Argument(help="Id of the partner.")],
    key: Annotated[Path, typer.Option(help="Its private key (PEM).")],
    scope: Annotated[list[str], typer.Option(help="Scope to ask for; repeat for each.")],
    professional: Annotated[Path | None, typer.Option(help="JSON file naming the professional behind it.")] = None,
    bearer: Annotated[bool, typer.Option("--bearer", help="Do not bind the token to the key.")] = False,
) -> None:
    """Ask the gateway at PASSERELLE_PUBLIC_URL for an access token, bound to the key (DPoP), and print it."""
    from gateway.partner_keys import token

    issuer = settings().public_url
    typer.echo(run(token(issuer, client_id=name, key=key, scopes=scope, who=professional, bound=not bearer)))


@partner.command("proof")
def partner_proof(
    method: Annotated[str, typer.Argument(help="Method of the request, as it will be sent: POST.")],
    url: Annotated[str, typer.Argument(help="Public address of the request.")],
    key: Annotated[Path, typer.Option(help="Private key (PEM) the token is bound to.")],
    token: Annotated[Path | None, typer.Option(help="File with the token that goes with it.")] = None,
    nonce: Annotated[str | None, typer.Option(help="Nonce the gateway has asked for.")] = None,
) -> None:
    """Print a proof for the DPoP header of one request, good once and for a minute (RFC 9449).

    Example: passerelle partner proof GET https://gateway.example/v1/catalogue --key ml.pem --token token
    """
    from gateway.partner_keys import proof

    typer.echo(proof(method, url, key=key, token=token, nonce=nonce))
