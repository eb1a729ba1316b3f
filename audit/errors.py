"""What the journal can refuse.

AuditError
├── StoreUnavailable        the database did not answer or did not commit
├── NotCanonical            a value has no canonical JSON form, or bytes are not in it
├── EntryInvalid            an entry outside the closed vocabulary
│   └── EntryTooLarge       an entry of more than 4 KiB
├── JournalError
│   ├── JournalBusy         too many entries are waiting
│   ├── JournalUnavailable  the entry is not known to be written: nothing may leave
│   ├── ClockBehind         the clock has gone back: entries would be dated before those they follow
│   ├── ReleaseStopped      the journal has not been published for too long: nothing may leave
│   ├── DurabilityRefused   the database could lose acknowledged entries
│   └── JournalInconsistent what is stored does not add up
├── KeyRefused              a key file or key text that cannot be used
├── RotationRefused         a key cannot take over, or go, at this point
├── RetentionRefused        entries cannot be removed at this point
├── PolicyInvalid           a witness policy that cannot be read
├── SubmissionRefused       a checkpoint that this witness does not cosign
│   ├── SubmissionMalformed not in the form of the norm
│   ├── LogUnknown          of a log that is not in the policy
│   ├── LogKeyMissing       not signed by a key of that log
│   ├── SizeConflict        does not start from what was cosigned last
│   └── Inconsistent        not a continuation of what was cosigned last
├── WitnessUnavailable      a witness that did not answer, or not within bounds
├── WitnessAnswerInvalid    a witness that answered something the norm does not know, or a false signature
│   └── ContradictionClaimed a witness that says this log contradicts itself, without showing it
├── LogContradicted         a witness holds a head that this log cannot have
├── NoteInvalid             a signed note or checkpoint that does not hold
├── ReceiptInvalid          a receipt that does not hold
├── ProofInvalid            a stand-alone proof that does not hold
├── NothingToVerify         no file here that the verifier knows, or no key to verify it with
├── SignerRefused           the publisher will not sign what it was shown
├── SealBroken              a sealed value that does not open: another key, another place, altered
├── TimestampRefused        a time-stamp token that does not hold; `reason` says why
├── TimestampUnchecked      tokens cannot be read here: `rfc3161-client` is not installed
├── NotPublished            no published checkpoint covers what was asked
├── Pruned                  an entry that was removed when its time was over
├── FilterRefused           an extract is not chosen by that
├── MirrorRefused           the source of a copy gave what its checkpoint does not cover
└── ExportRefused           the directory holds something else than this log
"""

# ruff: noqa: N818  the words say what happened, the base class says it is an error


class AuditError(Exception):
    """Base of everything this package raises; `code` is stable and documented."""

    code = "audit_error"


class StoreUnavailable(AuditError):
    """The database did not answer, or did not commit: what was asked is not known to be done."""

    code = "store_unavailable"


class NotCanonical(AuditError):
    """A value without canonical form (a float, a huge integer), or bytes that are not canonical."""

    code = "not_canonical"


class EntryInvalid(AuditError):
    """An entry the vocabulary does not allow; names type and member, never the value."""

    code = "entry_invalid"


class EntryTooLarge(EntryInvalid):
    """More names than one entry holds: ask for fewer at once."""

    code = "entry_too_large"


class JournalError(AuditError):
    """Base of what appending and starting can meet."""

    code = "journal_error"


class JournalBusy(JournalError):
    """Too many entries wait already; nothing of this one was written, try again shortly."""

    code = "journal_busy"


class JournalUnavailable(JournalError):
    """The entry is not known to be written; what it would have proved must not happen."""

    code = "journal_unavailable"


class ClockBehind(JournalError):
    """The clock is long before the newest entry's: nothing is written until one of the two is put right."""

    code = "clock_behind"


class ReleaseStopped(JournalError):
    """Entries have waited too long for a published checkpoint; no data leaves until one appears."""

    code = "release_stopped"


class DurabilityRefused(JournalError):
    """A database setting that can lose acknowledged entries; the message names it."""

    code = "durability_refused"


class JournalInconsistent(JournalError):
    """Stored head, entries and tiles do not agree; the journal does not start on them."""

    code = "journal_inconsistent"


class KeyRefused(AuditError):
    """A key file or key text that is malformed, readable by others, or of another name."""

    code = "key_refused"


class PolicyInvalid(AuditError):
    """A policy file the norm does not allow; names the line."""

    code = "witness_policy_invalid"


class SubmissionRefused(AuditError):
    """Base of what a witness answers instead of a cosignature."""

    code = "submission_refused"


class SubmissionMalformed(SubmissionRefused):
    """Old size, proof lines or checkpoint are not in the form of the norm."""

    code = "submission_malformed"


class LogUnknown(SubmissionRefused):
    """No log of this origin is in the policy, or nothing of it was cosigned yet."""

    code = "log_unknown"


class LogKeyMissing(SubmissionRefused):
    """No trusted key of the log has signed the checkpoint, or a signature in its name does not hold."""

    code = "log_key_missing"


class SizeConflict(SubmissionRefused):
    """The old size is not the one cosigned last; `size` is."""

    code = "size_conflict"

    def __init__(self, size: int) -> None:
        super().__init__("the old size is not the size cosigned last")
        self.size = size


class Inconsistent(SubmissionRefused):
    """The checkpoint does not continue the one cosigned last: perhaps proof of a log that misbehaves."""

    code = "inconsistent_checkpoint"


class WitnessUnavailable(AuditError):
    """A witness did not answer in time, or with more than an answer holds."""

    code = "witness_unavailable"


class WitnessAnswerInvalid(AuditError):
    """A witness answered something else than the norm allows, or signed something else than it was sent."""

    code = "witness_answer_invalid"


class ContradictionClaimed(WitnessAnswerInvalid):
    """A witness says that this log contradicts what it cosigned, and shows no evidence."""

    code = "contradiction_claimed"


class LogContradicted(AuditError):
    """A witness has seen more of this log than there is, or something else: it was restored, cut or forked."""

    code = "log_contradicted"


class RotationRefused(AuditError):
    """A key cannot take over, or go, at this point; the message says what is missing."""

    code = "rotation_refused"


class RetentionRefused(AuditError):
    """Entries cannot be removed at this point; the message says what is missing."""

    code = "retention_refused"


class NoteInvalid(AuditError):
    """A note that is malformed or not signed by the expected key."""

    code = "note_invalid"


class ReceiptInvalid(AuditError):
    """A receipt whose parts do not agree with each other or with the key."""

    code = "receipt_invalid"


class ProofInvalid(AuditError):
    """A proof that is malformed, or does not lead from what it is about to a signed root."""

    code = "proof_invalid"


class NothingToVerify(AuditError):
    """Files the verifier cannot read or does not know, or no key given for them."""

    code = "nothing_to_verify"


class SignerRefused(AuditError):
    """The publisher was shown a log that contradicts what was signed before, or itself."""

    code = "signer_refused"


class SealBroken(AuditError):
    """A sealed value does not open: another key, another place, or altered bytes."""

    code = "seal_broken"


class TimestampRefused(AuditError):
    """A time-stamp token that does not hold; `reason` is one word for the step that failed."""

    code = "timestamp_refused"

    def __init__(self, reason: str) -> None:
        super().__init__(f"the time-stamp is refused: {reason}")
        self.reason = reason


class TimestampUnchecked(AuditError):
    """Tokens cannot be read here, so nothing is said about them."""

    code = "timestamp_unchecked"


class NotPublished(AuditError):
    """No published checkpoint covers what was asked."""

    code = "not_published"


class Pruned(AuditError):
    """The entry, or some of the bundle, was removed when its time was over; its hash stays in the tree."""

    code = "pruned"


class FilterRefused(AuditError):
    """A filter that is not of the vocabulary, or that would name a person; the value is not repeated."""

    code = "filter_refused"


class MirrorRefused(AuditError):
    """The source of a copy gave bytes its signed checkpoint does not cover; nothing of them was kept."""

    code = "mirror_refused"


class ExportRefused(AuditError):
    """The target directory holds other bytes where this log's must go."""

    code = "export_refused"
