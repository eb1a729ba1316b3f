"""Everything an operator may set, by environment variable `PASSERELLE_*`; read in services.py and cli.py only."""

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.limits import proxies_of

PACKAGED_CATALOGUE = Path(__file__).parent.parent / "policies" / "catalogue"


class Settings(BaseSettings):
    """The settings of one gateway process; `passerelle settings` lists them with their values."""

    model_config = SettingsConfigDict(env_prefix="PASSERELLE_", extra="forbid", frozen=True)

    home: Path = Field(Path("var"), description="Folder of keys, signer state and the embedded databases.")
    public_url: str = Field(
        "http://127.0.0.1:8000",
        description="Address partners use; also the OAuth2 issuer and the audience of access tokens.",
    )
    log_origin: str = Field(
        "", description="The journal's name for ever: a URL without scheme or port. Empty: the host, and /log."
    )
    database_url: str = Field("", description="SQLAlchemy URL, SQLite or PostgreSQL. Empty: SQLite under `home`.")
    keys_database_url: str = Field(
        "",
        description="Where wrapped subject keys live, with a backup life of their own. "
        "Empty: SQLite under `home`, or `database_url` on PostgreSQL.",
    )
    database_pool: int = Field(8, ge=2, le=64, description="PostgreSQL connections per process.")
    catalogue: Path = Field(PACKAGED_CATALOGUE, description="Folder of the catalogue's YAML files.")
    sources: Path = Field(
        Path("sources.yaml"),
        description="YAML file: one entry per source institution, its connector, addresses, credentials.",
    )
    exchange_deadline_seconds: float = Field(10.0, gt=0, le=60, description="Time all sources of one exchange share.")
    max_unpublished_seconds: int = Field(
        60, ge=5, le=3600, description="Release stops when an entry has waited longer for a checkpoint."
    )
    witness_policy: str = Field(
        "", description="File (C2SP tlog-policy) with the witnesses of this journal and their quorum. Empty: none."
    )
    witness_interval_seconds: float = Field(
        10.0, ge=0.1, le=3600, description="Pause between two questions to the witnesses; one asks for what is new."
    )
    max_unwitnessed_seconds: int = Field(
        14_400, ge=60, le=172_800, description="Release stops when an entry has waited longer for the quorum."
    )
    witnessed_logs: str = Field(
        "", description="File (C2SP tlog-policy) with the logs this gateway is a witness for. Empty: none."
    )
    retention_months: int = Field(
        12, ge=6, le=36, description="Entries of the journal may be removed after so many months."
    )
    retention_justification: Literal["", "internal_control"] = Field(
        "", description="Why entries are kept for more than 12 months; recorded in the journal when older ones go."
    )
    timestamp_url: str = Field(
        "", description="Address of an RFC 3161 time-stamping authority that dates checkpoints. Empty: none."
    )
    timestamp_roots: Path = Field(
        Path("timestamp-roots.pem"), description="PEM file of the certificates its tokens are believed by."
    )
    timestamp_seconds: int = Field(
        3_600, ge=60, le=86_400, description="A checkpoint is dated when the last dated one is older."
    )
    officers: Path = Field(
        Path("officers.txt"), description="Public keys of those who may sign erasures, one per line."
    )
    erasure_delay_hours: int = Field(
        72, ge=24, le=720, description="Time between the second signature and an erasure, in which it can be cancelled."
    )
    erasure_trace_days: int = Field(
        365, ge=183, le=1_096, description="How long an erased person's entries can still be found as one person's."
    )
    keys_backups: Path = Field(
        Path("backups/keys"), description="Folder of the key store's backups; an erasure reaches into them."
    )
    keys_backup_days: int = Field(30, ge=1, le=90, description="Backups of the key store older than this are deleted.")
    identity_providers: str = Field(
        "",
        description="YAML file: one entry per identity provider people, DPOs and professionals sign in with. "
        "Empty: nobody can.",
    )
    people_url: str = Field(
        "", description="Address of people's pages, which links of requests begin with. Empty: `public_url`."
    )
    messenger: Literal["none", "sandbox"] = Field(
        "none", description="Who carries messages to people; `sandbox` writes them to `messages.jsonl` under `home`."
    )
    assisted_delay_hours: int = Field(
        24, ge=0, le=120, description="How long a yes noted by a professional waits when no code confirmed it."
    )
    webhook_allow: str = Field(
        "",
        description="Hosts that signals may be sent to although not public, blank-separated: tests, an own network. "
        "On this machine also by http.",
    )
    webhook_disable_hours: int = Field(
        72, ge=1, le=720, description="A webhook is disabled when one signal was tried so long without acknowledgement."
    )
    webhook_keep_days: int = Field(
        30, ge=1, le=365, description="How long signals can be replayed, and wait for a disabled webhook."
    )
    portal_name: str = Field("Passerelle", max_length=60, description="Name of the service, at the top of each page.")
    help_phone: str = Field("", max_length=30, description="Phone number people are given on each page.")
    help_desk: str = Field("", max_length=120, description="Nearest desk people are told of on each page.")
    dpo_contact: str = Field("", max_length=120, description="Where people write about their rights.")
    theme: str = Field(
        "",
        description="Folder with `tokens.css`, `logo.svg` and `templates/` that change the look of pages. Empty: ours.",
    )
    incident_contact: str = Field(
        "", max_length=200, description="Who to call when the journal is found altered, as DPOs read it: name, phone."
    )
    dpop_nonce_seconds: int = Field(
        0, ge=0, le=300, description="How long a nonce lives that DPoP proofs must hold. 0: proofs need none."
    )
    professional_max_age: int = Field(
        0,
        ge=0,
        le=86_400,
        description="How many seconds after signing in a professional's token is good for the API; an unknown hour is"
        " too long ago. 0: without limit.",
    )
    client_cert_secret: str = Field(
        "",
        description="File with the secret that the TLS-terminating proxy sends in `Client-Cert-Secret` beside "
        "`Client-Cert` (RFC 9440). Empty: that header is refused.",
    )
    mtls_url: str = Field(
        "",
        description="Address of the same gateway where the proxy asks for certificates of partners. Empty: the same.",
    )
    tls_certificate: str = Field(
        "", description="PEM file of the certificate the gateway serves TLS with, its chain included. Empty: no TLS."
    )
    tls_key: str = Field("", description="PEM file of the private key of `tls_certificate`.")
    tls_client_ca: str = Field(
        "",
        description="PEM file of the authorities (or single certificates) that certificates of partners are believed "
        "by. Empty: none is asked for.",
    )
    partner_keys_stale_hours: int = Field(
        4, ge=0, le=48, description="How long a partner's published keys are believed while their address is silent."
    )
    partner_keys_allow: str = Field(
        "",
        description="Hosts partners' keys may be fetched from although not public, blank-separated: an own network.",
    )
    identity_issuers: str = Field(
        "",
        description="YAML file of the providers whose id_tokens name professionals (docs/reference/oauth.md). "
        "Empty: none.",
    )
    client_rate: int = Field(
        600,
        ge=0,
        le=1_000_000,
        description="Requests a minute of one client to each OAuth endpoint, in each process. 0: no limit.",
    )
    address_rate: int = Field(
        1_200,
        ge=0,
        le=1_000_000,
        description="Requests a minute of one address (IPv6: /64) to each OAuth endpoint, in each process."
        " 0: no limit.",
    )
    api_rate: int = Field(
        6_000,
        ge=0,
        le=1_000_000,
        description="Requests a minute of one client to the API, in each process. 0: no limit.",
    )
    proxies: str = Field(
        "",
        description="Networks of our reverse proxies, blank-separated (`10.0.0.0/8 ::1/128`): from them alone "
        "`X-Forwarded-For` is believed. Empty: the socket says who asks.",
    )
    host: str = Field("127.0.0.1", description="Address `passerelle serve` listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port `passerelle serve` listens on.")

    @field_validator("mtls_url", "public_url", "people_url")
    @classmethod
    def _address(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.field_name != "public_url":
            return value
        parts = urlsplit(value)
        local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
        if (
            not parts.netloc
            or parts.query
            or parts.fragment
            or not (parts.scheme == "https" or (parts.scheme == "http" and local))
        ):
            raise ValueError("must be an https:// address (http:// only on this machine), without query or fragment")
        return value.rstrip("/")

    @field_validator("proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        try:
            proxies_of(value)
        except ValueError:
            raise ValueError("must be networks such as 10.0.0.0/8, blank-separated") from None
        return value

    @model_validator(mode="after")
    def _retention(self) -> Self:
        if self.retention_months > 12 and not self.retention_justification:
            raise ValueError("PASSERELLE_RETENTION_MONTHS above 12 needs PASSERELLE_RETENTION_JUSTIFICATION")
        return self

    @model_validator(mode="after")
    def _tls(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_key) or (self.tls_client_ca and not self.tls_key):
            raise ValueError("PASSERELLE_TLS_CERTIFICATE and PASSERELLE_TLS_KEY go together, TLS_CLIENT_CA with them")
        return self

    @field_validator("timestamp_url")
    @classmethod
    def _authority(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in {"http", "https"}:
            raise ValueError("must be an http:// or https:// address")  # the token is signed: http is usual
        return value

    @property
    def origin(self) -> str:
        """The journal's C2SP origin."""
        host = str(urlsplit(self.public_url).hostname)
        # an origin starts with a letter, so that nothing in an entry can look like a number of a person
        return self.log_origin or f"{host if host[0].isalpha() else f'ip-{host}'}/log"

    @property
    def main_url(self) -> str:
        """Database of the journal, people, authorisations and partners."""
        return self.database_url or f"sqlite:///{self.home.resolve()}/passerelle.db"

    @property
    def keys_url(self) -> str:
        """Database of the wrapped subject keys."""
        if self.keys_database_url:
            return self.keys_database_url
        return (
            self.database_url
            if self.database_url.startswith("postgres")
            else f"sqlite:///{self.home.resolve()}/keys.db"
        )

    @property
    def keys_folder(self) -> Path:
        """Folder of the gateway's own keys (mode 0700)."""
        return self.home / "keys"
