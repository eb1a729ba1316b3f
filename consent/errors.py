"""What the person's side can refuse.

ConsentError
├── PersonUnknown            this partner has no such person (whoever else may have)
├── SubjectErased            the person's key is destroyed: nothing can be added about them
├── IdentifierInvalid        an identifier is malformed or not accepted; says which, never its value
├── SubjectAmbiguous         the identifiers belong to several persons, or contradict each other
├── ReferenceConflict        the partner's reference already names another person
├── Contended                the same person kept changing meanwhile: ask again
├── AuthorisationUnknown     no such authorisation for this person
├── StateConflict            the transition is not allowed from the present state
│   ├── AlreadyWithdrawn     it had been withdrawn before: nothing was added
│   ├── RequestPending       the same request already waits for the person's answer
│   ├── RequestLapsed        the request waited longer than its seven days
│   ├── WiderThanGiven       it would allow more than the person gave: that is a new authorisation
│   └── AuthorisationExists  a valid (or objected) authorisation already stands
├── RequestTooSoon           the person refused less than 90 days ago
├── FieldsNotRequested       the answer goes beyond what was asked
├── NotEntitled              this actor may not trigger this transition
├── ReasonUnknown            not a reason of the transition's closed list
├── FlagUnknown              not a flag of the closed list
├── GuardRefused             what the decision relied on no longer holds at commit
│   ├── EpochChanged         the person's choices changed in between
│   ├── AuthorisationExpired the authorisation ended, or its uses are spent
│   ├── FrequencyExceeded    the exchange was already used as often as allowed
│   └── CatalogueSuperseded  another catalogue became active in between
├── ErasureUnknown           no such erasure
├── ErasurePending           an erasure of this person is under way or done
├── ErasureClosed            it was cancelled or executed: nothing changes any more
├── ErasureUnsigned          two officers have not signed it
├── ErasureNotDue            its date has not come
├── OfficerRefused           not a signature of an officer under the text of this erasure
├── RightUnknown             no such request under GDPR 15 to 21
├── RightPending             the same request is open: its clock runs already
├── RightClosed              it was answered, or cannot take this step
├── RightInvalid             a right, a reason or what it is about is not one of the closed list
├── ExtensionTooLate         the month is over, or it was extended before
├── LinkUnknown              never issued, used, replaced or over: one answer for all
├── CodeRefused              wrong, used, over, tried too often, or for another act: one answer for all
├── CodesSpent               too many codes were sent to this person within a day
├── ContactMissing           the person has given no number
├── ContactInvalid           an address of a contact has not the right form; says which way, never the address
├── MessageNotSent           the message was surely not sent
├── MandateRefused           no mandate of this holder for this person, purpose and moment
│   └── OfAge                the person is an adult: no parent acts for them
├── AssistanceIncomplete     what an assisted answer rests on is missing
├── TermsUnknown             asked under a catalogue whose terms were not kept: a new request is needed
├── NothingGiven             nothing was given under this authorisation: there is no receipt
├── RecordAltered            a stored record is no longer what was given
└── KeyUnusable              a key or a sealed value does not open: wrong KEK, or altered
"""

from collections.abc import Collection


class ConsentError(Exception):
    """Base of everything this package raises; `code` is stable and documented. Never carries a value."""

    code = "consent_error"


class PersonUnknown(ConsentError):  # noqa: N818  the field's words, here and below
    """This partner has no such person; the same answer whether another partner has."""

    code = "person_unknown"


class SubjectErased(ConsentError):  # noqa: N818
    """The person's key is destroyed."""

    code = "subject_erased"


class IdentifierInvalid(ConsentError):  # noqa: N818
    """One identifier cannot be used: `pointer` says which (RFC 6901), `reason` why, never the value."""

    code = "identifier_invalid"

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(f"{pointer}: {reason}")
        self.pointer = pointer
        self.reason = reason


class SubjectAmbiguous(ConsentError):  # noqa: N818
    """The identifiers belong to several persons, or contradict what is known: nothing was changed."""

    code = "subject_ambiguous"


class ReferenceConflict(ConsentError):  # noqa: N818
    """The partner's reference already names another person: nothing was changed."""

    code = "reference_conflict"


class Contended(ConsentError):  # noqa: N818
    """The same person kept changing meanwhile: nothing was changed, ask again."""

    code = "contended"


class AuthorisationUnknown(ConsentError):  # noqa: N818
    """This person has no such authorisation."""

    code = "authorisation_unknown"


class StateConflict(ConsentError):  # noqa: N818
    """The authorisation's present state does not allow this transition: nothing was appended."""

    code = "state_conflict"


class AlreadyWithdrawn(StateConflict):
    """It had been withdrawn before; the withdrawal stands, nothing was appended."""

    code = "already_withdrawn"


class RequestPending(StateConflict):
    """The same request already waits for the person's answer."""

    code = "request_pending"


class RequestLapsed(StateConflict):
    """The request waited longer than its seven days: a new one is needed."""

    code = "request_lapsed"


class WiderThanGiven(StateConflict):
    """It would allow more than the person gave, or for longer: nothing was appended, a new request is needed."""

    code = "wider_than_given"


class AuthorisationExists(StateConflict):
    """An authorisation already stands for this person, purpose and recipient."""

    code = "authorisation_exists"


class RequestTooSoon(ConsentError):  # noqa: N818
    """The person refused less than 90 days ago; `until` is when asking becomes possible (ms)."""

    code = "request_too_soon"

    def __init__(self, until: int) -> None:
        super().__init__("refused less than 90 days ago")
        self.until = until


class FieldsNotRequested(ConsentError):  # noqa: N818
    """The answer names a field that was not asked for."""

    code = "fields_not_requested"


class NotEntitled(ConsentError):  # noqa: N818
    """This kind of actor may not trigger this transition."""

    code = "not_entitled"


class ReasonUnknown(ConsentError):  # noqa: N818
    """Not a reason of the transition's closed list."""

    code = "reason_unknown"


class FlagUnknown(ConsentError):  # noqa: N818
    """Not a flag of the closed list."""

    code = "flag_unknown"


class GuardRefused(ConsentError):  # noqa: N818
    """What the decision relied on no longer holds at the moment of the commit."""

    code = "guard_refused"


class EpochChanged(GuardRefused):
    """The person's choices, links or flags changed since they were read."""

    code = "epoch_changed"


class AuthorisationExpired(GuardRefused):
    """The authorisation ended, or its number of uses is spent."""

    code = "authorisation_expired"


class FrequencyExceeded(GuardRefused):
    """The exchange was already used as often as its window allows."""

    code = "frequency_exceeded"


class IncidentFreeze(GuardRefused):
    """The emergency stop was turned on since the decision."""

    code = "incident_freeze"


class CatalogueSuperseded(GuardRefused):
    """Another catalogue became active since the decision: it has to be taken again."""

    code = "catalogue_superseded"


class ErasureUnknown(ConsentError):  # noqa: N818
    """No erasure has this id."""

    code = "erasure_unknown"


class ErasurePending(ConsentError):  # noqa: N818
    """An erasure of this person is under way or done."""

    code = "erasure_pending"


class ErasureClosed(ConsentError):  # noqa: N818
    """It was cancelled or executed: nothing about it changes any more."""

    code = "erasure_closed"


class ErasureUnsigned(ConsentError):  # noqa: N818
    """Two officers have not signed its text."""

    code = "erasure_unsigned"


class ErasureNotDue(ConsentError):  # noqa: N818
    """The delay has not passed; `due` is when it will have (ms)."""

    code = "erasure_not_due"

    def __init__(self, due: int) -> None:
        super().__init__("the delay has not passed")
        self.due = due


class OfficerRefused(ConsentError):  # noqa: N818
    """Not a signature of an officer under the text of this erasure."""

    code = "officer_refused"


class RightUnknown(ConsentError):  # noqa: N818
    """No request of the register has this id."""

    code = "right_unknown"


class RightPending(ConsentError):  # noqa: N818
    """The same request of the same person is open: its clock runs already."""

    code = "right_pending"


class RightClosed(ConsentError):  # noqa: N818
    """It was answered, or is not one that can take this step."""

    code = "right_closed"


class RightInvalid(ConsentError):  # noqa: N818
    """A right, a reason or what it is about is not one of the closed list."""

    code = "right_invalid"


class ExtensionTooLate(ConsentError):  # noqa: N818
    """More time is taken once, and before the month is over (GDPR 12-3)."""

    code = "extension_too_late"


class LinkUnknown(ConsentError):  # noqa: N818
    """Never issued, used, replaced or over: one answer for all."""

    code = "link_unknown"


class CodeRefused(ConsentError):  # noqa: N818
    """Wrong, used, over, tried too often, or for another act: one answer for all."""

    code = "code_refused"


class CodesSpent(ConsentError):  # noqa: N818
    """Too many codes were sent to this person within a day."""

    code = "codes_spent"


class ContactMissing(ConsentError):  # noqa: N818
    """The person has given no number."""

    code = "contact_missing"


class ContactInvalid(ConsentError):  # noqa: N818
    """An address has not the right form: the text says which way, never the address."""

    code = "contact_invalid"


class MessageNotSent(ConsentError):  # noqa: N818
    """The message was surely not sent."""

    code = "message_not_sent"


class MandateRefused(ConsentError):  # noqa: N818
    """No mandate of this holder covers this person, purpose and moment: one answer for all."""

    code = "mandate_refused"


class OfAge(MandateRefused):
    """The person is of age: whoever acts for them does it as something else than a parent."""

    def __init__(self) -> None:
        super().__init__("this person is of age: no parent acts for them")
        self.members = {"reasons": ["of_age"]}


class AssistanceIncomplete(ConsentError):  # noqa: N818
    """What an assisted answer rests on is missing; `missing` names it."""

    code = "assistance_incomplete"

    def __init__(self, missing: Collection[str]) -> None:
        super().__init__(f"missing: {', '.join(sorted(missing))}")
        self.members = {"missing": sorted(missing)}


class TermsUnknown(ConsentError):  # noqa: N818
    """Asked under a catalogue whose terms were not kept: nothing could be frozen, so nothing was given."""

    code = "terms_unknown"


class NothingGiven(ConsentError):  # noqa: N818
    """Nothing was given under this authorisation: there is no receipt."""

    code = "nothing_given"


class RecordAltered(ConsentError):  # noqa: N818
    """The stored record no longer has the digest it was given with, or is not the one its journal entry names."""

    code = "record_altered"


class KeyUnusable(ConsentError):  # noqa: N818
    """A key or a sealed value does not open: wrong key-encryption key, or altered bytes."""

    code = "key_unusable"
