"""The settings of one source, checked before anything is sent.

Answers for a clear refusal: a missing, unknown or malformed key is named, its value never shown.
Refuses plain HTTP towards anything but this machine, unless the operator says `allow_http`.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx

from connectors.base import Clock
from connectors.errors import ConnectorConfigInvalid
from connectors.guard import Limits
from connectors.http import PartnerClient
from connectors.pool import AiohttpPool

_HOST = re.compile(r"[0-9A-Za-z._:-]+\Z", re.ASCII)

_COMMON: Mapping[str, type] = {
    "concurrency": int,
    "calls_per_second": int,
    "failures_before_pause": int,
    "pause_seconds": int,
    "connect_timeout": float,
    "call_timeout": float,
    "allow_http": bool,
    "ca_file": str,
    "proxy": str,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceConfig:
    """The checked settings of a source."""

    base_url: str
    auth_url: str
    credentials: Mapping[str, str] = field(repr=False)
    options: Mapping[str, Any]

    def client(self, *, clock: Clock, **defaults: Any) -> PartnerClient:
        """The HTTP client these settings describe; `defaults` are the source's own for the common options."""
        options = {key: value for key, value in defaults.items() if key in _COMMON} | dict(self.options)
        concurrency = options.get("concurrency", 10)
        pool = AiohttpPool(
            limit=concurrency,
            connect_timeout=options.get("connect_timeout", 5.0),
            tls=_tls(options.get("ca_file")),
            proxy=options.get("proxy"),
        )
        limits = Limits(
            concurrency=concurrency,
            calls_per_second=options.get("calls_per_second") or None,
            failures_before_pause=options.get("failures_before_pause", 5),
            pause_seconds=options.get("pause_seconds", 30),
        )
        own = {key: value for key, value in defaults.items() if key not in _COMMON}
        return PartnerClient(pool, limits=limits, clock=clock, call_timeout=options.get("call_timeout", 20.0), **own)


def read_config(
    config: Mapping[str, Any], *, credentials: frozenset[str], auth: bool, options: Mapping[str, type]
) -> SourceConfig:
    """Check `config` against what one connector takes; raises ConnectorConfigInvalid."""
    _only(
        config, frozenset({"connector", "base_url", "credentials", "options"} | ({"auth_url"} if auth else set())), ""
    )
    given = config.get("options", {})
    if not isinstance(given, Mapping):
        raise ConnectorConfigInvalid("options", "must be a mapping")
    allowed = {**_COMMON, **options}
    _only(given, frozenset(allowed), "options.")
    chosen = {key: _option(key, value, allowed[key]) for key, value in given.items()}
    plain = bool(chosen.get("allow_http", False))
    return SourceConfig(
        base_url=_address(config, "base_url", allow_http=plain),
        auth_url=_address(config, "auth_url", allow_http=plain) if auth else "",
        credentials=_credentials(config.get("credentials"), credentials),
        options=chosen,
    )


def _only(value: Mapping[str, Any], allowed: frozenset[str], prefix: str) -> None:
    for key in value:
        if key not in allowed:
            raise ConnectorConfigInvalid(f"{prefix}{key}", "is not known to this connector")


def _credentials(value: Any, names: frozenset[str]) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise ConnectorConfigInvalid("credentials", "must be a mapping")
    _only(value, names, "credentials.")
    for name in sorted(names):
        secret = value.get(name)
        if not isinstance(secret, str) or not secret:
            raise ConnectorConfigInvalid(f"credentials.{name}", "is missing")
        if not secret.isprintable():
            raise ConnectorConfigInvalid(f"credentials.{name}", "holds a character that no credential has")
    return dict(value)


def _option(key: str, value: Any, kind: type) -> Any:
    if kind is float and type(value) in (int, float):
        value = float(value)
    if kind is str and type(value) is int:  # what YAML makes of an organisation's number
        value = str(value)
    checked: Any = value  # narrowed to `object` by the next line otherwise
    if type(value) is not kind:
        raise ConnectorConfigInvalid(f"options.{key}", f"must be of type {kind.__name__}")
    if kind in (int, float) and not (0 if key == "calls_per_second" else 0.001) <= checked <= 100_000:
        raise ConnectorConfigInvalid(f"options.{key}", "is out of range")
    return checked


def _address(config: Mapping[str, Any], key: str, *, allow_http: bool) -> str:
    value = config.get(key)
    if not isinstance(value, str) or not value:
        raise ConnectorConfigInvalid(key, "is missing")
    try:
        url = httpx.URL(value)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("https", "http") or _HOST.match(url.host) is None:
        raise ConnectorConfigInvalid(key, "must be an absolute http or https address")
    if url.userinfo or url.query or url.fragment:
        raise ConnectorConfigInvalid(key, "must have no user, query or fragment")
    if url.scheme == "http" and not allow_http and not _here(url.host):
        raise ConnectorConfigInvalid(key, "must be https (or set options.allow_http)")
    return str(url).rstrip("/")


def _here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _tls(ca_file: str | None) -> ssl.SSLContext | None:
    if ca_file is None:
        return None  # the system's authorities
    if not Path(ca_file).is_file():
        raise ConnectorConfigInvalid("options.ca_file", "is not a readable file")
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise ConnectorConfigInvalid("options.ca_file", "holds no certificate") from None
