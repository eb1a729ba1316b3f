"""The composition root: reads the settings, builds everything, hands it over. Nothing else reads settings."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from audit import jws
from audit.journal import Appended, Journal
from audit.publisher import Publisher
from audit.reading import PublishedLog
from audit.receipts import issue
from audit.signer_state import SignerState
from audit.store import Store
from audit.witness import Witness
from audit.witnessing import Witnessing
from connectors.base import Connector
from connectors.registry import Registry, build
from consent.blind import BlindIndex
from consent.erasure import reapply
from consent.frozen import Freezer, both, keep_terms
from consent.guards import Gate
from consent.naming import Naming
from consent.queries import Snapshots
from consent.records import Authorisations
from consent.rights import Rights
from consent.said import SaidWords
from consent.subjects import People
from consent.vault import LocalKek, Vault
from gateway import limits as brakes
from gateway.actors import actor_tag
from gateway.catalogues.activation import Activations
from gateway.catalogues.bundles import digest_in_force, newest
from gateway.catalogues.bundles import read as read_catalogue
from gateway.channels import Channels, open_channels
from gateway.console.service import Console, open_console
from gateway.database import Database, open_database
from gateway.drifts import Drifts
from gateway.freeze import Freeze, frozen
from gateway.keys import GatewayKeys, load
from gateway.keys import wall_clock as wall_clock  # noqa: PLC0414  those who have services ask here
from gateway.oauth.gate import TokenGate
from gateway.oauth.identity_issuers import read_issuers
from gateway.oauth.key_client import KeyClient
from gateway.oauth.keys import TokenKeys
from gateway.oauth.ledger import Ledger
from gateway.oauth.partners import Partners
from gateway.oauth.presence import presence_of
from gateway.oauth.published_keys import PublishedKeys
from gateway.oauth.replay import UsedTokens
from gateway.oauth.revocation import RevokedTokens
from gateway.oauth.server import AuthorizationServer
from gateway.oauth.verification import Verifier
from gateway.officers import read_officers
from gateway.pace import Pace
from gateway.possession import open_possession
from gateway.readings import Readings
from gateway.schema import require_current
from gateway.settings import Settings
from gateway.signals.client import SignalClient
from gateway.signals.delivery import Limits, Signals
from gateway.signals.endpoints import Endpoints
from gateway.signals.outbox import Outbox
from gateway.signals.signing import Secrets
from gateway.signin.entrance import Entrance
from gateway.signin.opening import open_entrance
from gateway.signin.outbound import Outbound
from gateway.timestamps import Timestamping, read_roots
from gateway.web.sessions import Sessions
from gateway.web.templates import Pages, Place
from gateway.witnesses import WitnessClient, read_policy, witnesses_of
from policies import catalogue as catalogues
from policies.catalogue import Catalogue

Clock = Callable[[], int]


class SourcesInvalid(Exception):  # noqa: N818  the start is refused, with a sentence
    """The file of sources cannot be used; the text names the entry and the key, never a credential."""

    code = "sources_invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What endpoints and use cases are given."""

    base_url: str
    deadline: float
    retention_months: int
    clock: Clock
    store: Store
    key_store: Store
    vault: Vault
    catalogue: Catalogue
    activations: Activations
    journal: Journal
    freeze: Freeze
    publisher: Publisher
    witnessing: Witnessing | None
    witness: Witness | None
    pace: Pace
    looks: Pace
    timestamping: Timestamping | None
    log: PublishedLog
    readings: Readings
    registry: Registry
    drifts: Drifts
    kinds: Mapping[str, frozenset[str]]
    people: People
    naming: Naming
    authorisations: Authorisations
    freezer: Freezer
    rights: Rights
    said_words: SaidWords
    channels: Channels
    snapshots: Snapshots
    outbox: Outbox
    endpoints: Endpoints
    signals: Signals
    limits: brakes.Limits
    server: AuthorizationServer
    verifier: Verifier
    sessions: Sessions
    entrance: Entrance
    pages: Pages
    console: Console
    keys: GatewayKeys = field(repr=False)

    def receipt(self, appended: Appended) -> Mapping[str, Any]:
        """The signed receipt of an entry."""
        return issue(appended, signer=self.keys.receipt.newest)


@asynccontextmanager
async def open_services(settings: Settings, *, clock: Clock = wall_clock) -> AsyncIterator[Services]:
    """Build everything in the order things depend on each other; close it in the other."""
    secrets = load(settings, clock)
    policy = read_policy(settings.witness_policy) if settings.witness_policy else None
    quorum = policy is not None and not policy.satisfied(())
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_database(settings.main_url, pool_size=settings.database_pool))
        key_store = await _key_store(stack, settings, store)
        await require_current(store, key_store)
        in_force = await digest_in_force(store)
        # the folder's until one was activated; then only what was
        catalogue = catalogues.load(settings.catalogue) if in_force is None else await read_catalogue(store, in_force)
        registry = Registry(read_sources(settings.sources, catalogue, clock=clock), clock=clock)
        stack.push_async_callback(registry.close)
        vault = Vault(key_store, LocalKek(secrets.kek))
        await reapply(store, key_store, vault)
        journal = Journal(
            store,
            gate=TokenGate(Gate(clock, newest(), frozen()), clock=clock),
            origin=settings.origin,
            clock=clock,
            max_unpublished_ms=settings.max_unpublished_seconds * 1000,
            max_unwitnessed_ms=settings.max_unwitnessed_seconds * 1000 if quorum else None,
        )
        await journal.start()
        stack.push_async_callback(journal.close)
        key_client = KeyClient(allowed=settings.partner_keys_allow.split())
        stack.push_async_callback(key_client.close)
        published = PublishedKeys(key_client.fetch, stale_ms=settings.partner_keys_stale_hours * 3_600_000)
        stack.push_async_callback(published.close)
        partners, used, revoked = Partners(store, published=published), UsedTokens(store), RevokedTokens(store)
        stack.push_async_callback(used.close)
        stack.push_async_callback(revoked.close)
        tokens = TokenKeys(secrets.tokens.current)
        limits = brakes.limits_of(settings)
        ledger = Ledger(journal, store, tag=partial(actor_tag, secrets.actors))
        senders = open_possession(settings, secrets, used)
        blind = BlindIndex(secrets.blind)
        people = People(store=store, journal=journal, vault=vault, blind=blind)
        publisher = Publisher(
            store,
            secrets.log,
            state=SignerState(settings.home / "signer"),
            origin=settings.origin,
            on_hold=journal.hold,
        )
        log = PublishedLog(store, quorum=quorum)
        client = WitnessClient()
        stack.push_async_callback(client.close)
        witnessing = None
        if policy is not None:
            witnessing = witnesses_of(
                settings, policy, store=store, log=log, keys=secrets, client=client, hold=publisher.hold
            )
        freezer = Freezer()
        await keep_terms(store, catalogue)
        allowed = frozenset(settings.webhook_allow.split())
        outbox, shared, receivers = Outbox(secrets.naming), Secrets(secrets.sealing), SignalClient(allowed=allowed)
        stack.push_async_callback(receivers.close)
        authorisations = Authorisations(
            store=store,
            journal=journal,
            vault=vault,
            told=both(freezer.told, outbox.told),
            digest=freezer.digest,
        )
        channels = open_channels(
            settings, secrets, store=store, journal=journal, vault=vault, blind=blind, authorisations=authorisations
        )
        sessions = Sessions(
            store, key=secrets.sessions, journal=journal, vault=vault, mandates=channels.mandates, clock=clock
        )
        providers = Outbound()
        stack.push_async_callback(providers.close)
        await (freeze := Freeze(store, journal)).look()
        yield Services(
            base_url=settings.public_url,
            deadline=settings.exchange_deadline_seconds,
            retention_months=settings.retention_months,
            clock=clock,
            store=store,
            key_store=key_store,
            vault=vault,
            catalogue=catalogue,
            activations=Activations(
                store=store,
                journal=journal,
                officers=lambda: read_officers(settings.officers),
                secret=secrets.actors,
            ),
            journal=journal,
            freeze=freeze,
            publisher=publisher,
            log=log,
            witnessing=witnessing,
            witness=_witness(settings, store, secrets),
            timestamping=_timestamping(settings, store),
            pace=Pace(),
            looks=Pace(burst=12, per_second=12 / 3_600),
            readings=Readings(journal, actors=secrets.actors, clock=clock),
            registry=registry,
            drifts=Drifts(clock),
            kinds={source: _kinds(connector) for source, connector in registry.sources.items()},
            naming=Naming(store=store, journal=journal, vault=vault),
            people=people,
            authorisations=authorisations,
            freezer=freezer,
            rights=Rights(store=store, journal=journal, vault=vault, tell=outbox.corrected),
            said_words=SaidWords(store=store, vault=vault),
            channels=channels,
            outbox=outbox,
            endpoints=Endpoints(store=store, secrets_=shared, allowed=allowed),
            signals=Signals(
                store=store,
                journal=journal,
                client=receivers,
                secrets_=shared,
                signer=lambda: secrets.signals.signing,
                source=f"{settings.public_url}/",
                limits=Limits(
                    disable_after_ms=settings.webhook_disable_hours * 3_600_000,
                    keep_ms=settings.webhook_keep_days * 86_400_000,
                ),
            ),
            snapshots=Snapshots(store=store, vault=vault, blind=blind),
            limits=limits,
            server=AuthorizationServer(
                issuer=settings.public_url,
                resource=settings.public_url,
                keys=tokens,
                partners=partners,
                used=used,
                senders=senders,
                mtls_url=settings.mtls_url,
                revoked=revoked,
                ledger=ledger,
                limits=limits,
                issuers=read_issuers(settings.identity_issuers, published),
                clock=clock,
                scopes_supported=scopes(catalogue),
                other_keys=lambda: [jws.jwk(vkey) for vkey in secrets.receipt.vkeys],
                presence=presence_of(store, catalogue, authorisations, revoke=ledger.take_back, key=secrets.flows),
            ),
            verifier=Verifier(
                issuer=settings.public_url,
                resource=settings.public_url,
                keys=tokens,
                partners=partners,
                senders=senders,
                revoked=revoked,
                limits=limits,
                max_age=settings.professional_max_age,
            ),
            sessions=sessions,
            entrance=open_entrance(
                settings,
                secrets,
                store=store,
                journal=journal,
                vault=vault,
                blind=blind,
                sessions=sessions,
                mandates=channels.mandates,
                outbound=providers,
                count=ledger.count,
                clock=clock,
            ),
            pages=_pages(settings),
            console=open_console(
                settings,
                secrets,
                store=store,
                log=log,
                publisher=publisher,
                witnessing=witnessing,
                journal=journal,
                vault=vault,
                people=people,
                clock=clock,
            ),
            keys=secrets,
        )


def _pages(settings: Settings) -> Pages:
    """The pages as this operator wants them."""
    place = Place(
        name=settings.portal_name, phone=settings.help_phone, desk=settings.help_desk, dpo=settings.dpo_contact
    )
    return Pages(place=place, base_url=settings.public_url, theme=Path(settings.theme) if settings.theme else None)


def _witness(settings: Settings, store: Store, keys: GatewayKeys) -> Witness | None:
    """What we are for others, when we are."""
    if not settings.witnessed_logs:
        return None
    return Witness(store, policy=read_policy(settings.witnessed_logs), cosigners=lambda: keys.witness.signing)


def _timestamping(settings: Settings, store: Store) -> Timestamping | None:
    """Who has checkpoints dated, when there is an authority."""
    if not settings.timestamp_url:
        return None
    roots, interval = read_roots(settings.timestamp_roots), settings.timestamp_seconds * 1000
    return Timestamping(store, url=settings.timestamp_url, roots=roots, interval_ms=interval)


def scopes(catalogue: Catalogue) -> tuple[str, ...]:
    """Every scope a partner can be registered for: one per dataset, and those of the other endpoints."""
    datasets = (f"data:{name}" for name in sorted(catalogue.vocabulary.datasets))
    ours = (
        "log:entries sources:changed subjects:nir subjects:situations subjects:write tokens:introspect webhooks:write"
    )
    return ("authorisations:answer", "authorisations:request", *datasets, *ours.split())


def read_sources(path: Path, catalogue: Catalogue, *, clock: Clock = wall_clock) -> dict[str, Connector]:
    """The connectors of the file of sources: an entry per institution, as `docs/reference/connectors.md` tells."""
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise SourcesInvalid(f"{path} does not exist: see docs/reference/connectors.md") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise SourcesInvalid(f"{path} cannot be read as YAML") from None
    if not isinstance(content, dict) or not all(isinstance(entry, dict) for entry in content.values()):
        raise SourcesInvalid(f"{path} must hold one entry per source institution")
    unknown = sorted(set(content) - set(catalogue.parties))
    if unknown:
        raise SourcesInvalid(f"{path} names institutions the catalogue does not know: {', '.join(map(str, unknown))}")
    missing = sorted({exchange.source for exchange in catalogue.exchanges.values()} - set(content))
    if missing:
        raise SourcesInvalid(f"{path} lacks sources of the catalogue: {', '.join(missing)}")
    connectors = {name: build(entry, clock=clock) for name, entry in content.items()}
    _require_supply(connectors, catalogue)
    return connectors


def _require_supply(connectors: Mapping[str, Connector], catalogue: Catalogue) -> None:
    """Every field an exchange may release is supplied, each dataset of a purpose by one source only."""
    for table in catalogue.tables.values():
        sources: dict[str, str] = {}
        for rule in table.rules.values():
            source, dataset = str(rule.permit.source), rule.field.dataset
            supply = connectors[source].datasets.get(dataset)
            wanted = {rule.field.name} | ({rule.permit.reads} if rule.permit.reads else set())
            if rule.barred is None and (supply is None or not wanted <= supply.fields):
                raise SourcesInvalid(f"{source}: its connector does not supply {rule.field.name}")
            if sources.setdefault(dataset, source) != source:
                raise SourcesInvalid(f"{dataset} would come from both {sources[dataset]} and {source} in one exchange")


def _kinds(connector: Connector) -> frozenset[str]:
    """The kinds of identifiers a source may be given: those its datasets declare to need."""
    return frozenset().union(*(kinds for supply in connector.datasets.values() for kinds in supply.needs))


async def _key_store(stack: AsyncExitStack, settings: Settings, store: Database) -> Store:
    if settings.keys_url == settings.main_url:
        return store
    return await stack.enter_async_context(open_database(settings.keys_url, pool_size=2))
