"""What this package can refuse. A source's own fault is never an exception: it is an `Outcome`.

ConnectorError
├── ConnectorConfigInvalid   a setting of a source is missing, unknown or malformed; names the key, never its value
└── SourceUnknown            a source id that this gateway has no connector for
"""


class ConnectorError(Exception):
    """Base of everything this package raises; `code` is stable and documented."""

    code = "connector_error"


class ConnectorConfigInvalid(ConnectorError):  # noqa: N818  the field says "invalid"
    """A setting of a source is missing, unknown or malformed. `key` says which; its value is never shown."""

    code = "connector_config_invalid"

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"source setting {key!r} {reason}")
        self.key = key
        self.reason = reason


class SourceUnknown(ConnectorError):  # noqa: N818  the field says "unknown"
    """No connector is configured under this source id."""

    code = "source_unknown"

    def __init__(self, source: str) -> None:
        super().__init__(f"no connector is configured for the source {source!r}")
        self.source = source
