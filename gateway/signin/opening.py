"""Puts sign-in together from the settings: providers, what is under way, the allow-list."""

from collections.abc import Callable
from pathlib import Path

from audit.journal import Journal
from audit.store import Store
from consent.accounts import Accounts
from consent.blind import BlindIndex
from consent.representatives import Mandates
from consent.vault import Vault
from gateway.keys import GatewayKeys
from gateway.settings import Settings
from gateway.signin.entrance import Entrance
from gateway.signin.outbound import Outbound
from gateway.signin.pending import Pendings
from gateway.signin.providers import read_providers
from gateway.signin.relying_party import RelyingParty
from gateway.signin.roles import Roles, sealing_of
from gateway.web.sessions import Sessions


def open_entrance(
    settings: Settings,
    keys: GatewayKeys,
    *,
    store: Store,
    journal: Journal,
    vault: Vault,
    blind: BlindIndex,
    sessions: Sessions,
    mandates: Mandates,
    outbound: Outbound,
    count: Callable[[str, int], None],
    clock: Callable[[], int],
) -> Entrance:
    """Build it on ready parts; raises `ProvidersInvalid`. Without a file of providers nobody can sign in."""
    file = settings.identity_providers
    providers = read_providers(Path(file)) if file else {}
    base = settings.public_url
    return Entrance(
        parties={
            name: RelyingParty(
                provider, outbound, back=f"{base}/signin/{name}/back", out=f"{base}/signout/back", clock=clock
            )
            for name, provider in providers.items()
        },
        pendings=Pendings(store, sealing_of(keys.sessions, b"passerelle-signin-pending/v1")),
        sessions=sessions,
        accounts=Accounts(store=store, vault=vault, blind=blind),
        mandates=mandates,
        roles=Roles(
            store=store,
            journal=journal,
            blind=blind,
            sealing=sealing_of(keys.sessions, b"passerelle-signin-roles/v1"),
            sessions=sessions,
        ),
        journal=journal,
        actors=keys.actors,
        count=count,
        clock=clock,
    )
