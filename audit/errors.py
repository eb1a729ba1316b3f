"""What the journal can refuse.

AuditError
├── StoreUnavailable     the database did not answer or did not commit
"""


class AuditError(Exception):
    """Base of everything this package raises; `code` is stable and documented."""

    code = "audit_error"


class StoreUnavailable(AuditError):  # noqa: N818  the field says "unavailable"
    """The database did not answer, or did not commit: what was asked is not known to be done."""

    code = "store_unavailable"
