"""The catalogue of the fictional consortium that ships with the package: what it promises, held to it."""

import re
from pathlib import Path

import pytest

import policies
from policies import catalogue
from policies.decision import Actor, Authorisation, Facts, decide
from policies.reasons import Reason
from policies.vocabulary import LANGUAGES
from tests.unit.policies.factories import NOW

DIRECTORY = Path(policies.__file__).parent / "catalogue"
CONSORTIUM = catalogue.load(DIRECTORY)

EXCHANGES = {
    "ml-jeunes-ressources": ("caf-brume", "ml-brume", "support.youth", "consent"),
    "ml-jeunes-inscription": ("ft-brume", "ml-brume", "support.youth", "consent"),
    "ml-jeunes-rendez-vous": ("dept-brume", "ml-brume", "support.youth", "consent"),
    "orientation-rsa-caf": ("caf-brume", "dept-brume", "orientation.rsa", "public_task"),
    "orientation-rsa-ft": ("ft-brume", "dept-brume", "orientation.rsa", "public_task"),
    "orientation-vers-ft": ("caf-brume", "ft-brume", "orientation.rsa", "public_task"),
    "iae-eligibilite-ft": ("ft-brume", "siae-brume", "iae.eligibility", "consent"),
    "iae-eligibilite-caf": ("caf-brume", "siae-brume", "iae.eligibility", "consent"),
    "iae-amenagement-rqth": ("ft-brume", "siae-brume", "iae.adaptation", "consent"),
    "outil-rdv-dept": ("dept-brume", "outil-commun", "support.appointments", "public_task"),
    "outil-rdv-ft": ("ft-brume", "outil-commun", "support.appointments", "public_task"),
    "outil-diagnostic": ("ft-brume", "outil-commun", "support.shared_diagnosis", "consent"),
    "caf-inscription": ("ft-brume", "caf-brume", "entitlement.rsa", "legal_obligation"),
}

# words that beneficiaries' pages do not use outside « En savoir plus »
FORBIDDEN = re.compile(
    r"finalité|destinataire|base légale|traitement|données|consentement|responsable|habilitation|périmètre|révoqu"
    r"|pseudonyme|\bapi\b|jeton",
    re.IGNORECASE,
)


def test_the_consortium_has_the_exchanges_it_announces() -> None:
    """One file each, all active, with their source, recipient, purpose and basis."""
    found = {
        exchange.id: (exchange.source, *exchange.recipients, exchange.purpose, exchange.basis)
        for exchange in CONSORTIUM.exchanges.values()
        if exchange.status == "active"
    }
    assert found == EXCHANGES


def test_the_kinds_of_release_are_all_shown() -> None:
    """A question instead of a figure, a truncation, a special category, a number that never leaves."""
    youth = CONSORTIUM.tables["ml-brume", "support.youth"].rules
    assert str(youth["quotient_familial.value"].obligation) == "predicate:lt:800"
    assert str(youth["household.address"].obligation) == "truncate:commune"
    assert CONSORTIUM.request_fields("siae-brume", "iae.adaptation").explicit == {"rqth.valid", "rqth.until"}
    tool = CONSORTIUM.tables["outil-commun", "support.appointments"].rules["identity.nir"]
    assert tool.barred is not None
    assert tool.barred.reason is Reason.NEVER_RELEASED


def test_what_can_be_asked_can_be_permitted() -> None:
    """For every recipient and purpose, a person in order and a professional in order get every field asked."""
    for recipient, purpose in CONSORTIUM.tables:
        asked = CONSORTIUM.request_fields(recipient, purpose)
        basis = CONSORTIUM.basis_of(recipient, purpose)
        roles = [exchange.roles for exchange in CONSORTIUM.active(recipient, purpose)]
        decision = decide(
            Facts(
                recipient=recipient,
                purpose=purpose,
                fields=tuple(asked.fields),
                now=NOW,
                actor=Actor(kind="professional", role=min(frozenset.intersection(*roles)), assurance="substantial"),
                flags=frozenset(),
                authorisation=Authorisation(
                    id="0" * 32,
                    basis=str(basis),
                    state="given" if basis == "consent" else "active",
                    fields=asked.fields,
                    explicit=asked.explicit,
                    valid_from=0,
                    valid_until=None,
                    max_uses=None,
                    uses=0,
                ),
                epoch=1,
                uses=dict.fromkeys(EXCHANGES, 0),
                switches=frozenset(),
            ),
            CONSORTIUM,
        )
        assert set(decision.permitted) == asked.fields


def test_a_protected_address_closes_the_household_for_everyone() -> None:
    """The consortium's denial reaches every exchange that has a household field."""
    for table in CONSORTIUM.tables.values():
        for name, rule in table.rules.items():
            flags = [flag for flag, _ in rule.barred_by]
            assert flags == (["protected_address"] if name.startswith("household.") else [])


def test_consents_end() -> None:
    """Every purpose that rests on consent declares for how long and how often."""
    for recipient, purpose in CONSORTIUM.tables:
        consent = CONSORTIUM.basis_of(recipient, purpose) == "consent"
        assert (CONSORTIUM.default_validity(recipient, purpose) is not None) == consent
        assert (CONSORTIUM.max_uses(recipient, purpose) is not None) == consent


def sentences() -> list[tuple[str, str, str]]:
    said = [*CONSORTIUM.vocabulary.datasets.items(), *CONSORTIUM.purposes.items()]
    texts = [(name, lang, entry.sentence[lang]) for name, entry in said for lang in LANGUAGES]
    for party in CONSORTIUM.parties.values():
        texts += [(party.id, lang, party.line[lang]) for lang in LANGUAGES]
    for purpose in CONSORTIUM.purposes.values():
        told = [text for text in (purpose.service, purpose.without) if text is not None]
        texts += [(purpose.id, lang, text[lang]) for text in told for lang in LANGUAGES]
    texts += [("withdrawal", lang, CONSORTIUM.notice["withdrawal"]["otherwise"][lang]) for lang in LANGUAGES]
    texts += [("rights", lang, CONSORTIUM.notice["rights"][lang]) for lang in LANGUAGES]
    texts += [(reason.value, lang, reason.sentence_to_person(lang)) for reason in Reason for lang in LANGUAGES]
    return texts


@pytest.mark.parametrize(("name", "lang", "text"), sentences())
def test_sentences_are_plain(name: str, lang: str, text: str) -> None:
    """Everyday words, at most twenty a sentence, no word that beneficiaries' pages do not use."""
    assert not FORBIDDEN.search(text)
    assert all(len(part.split()) <= 20 for part in re.split(r"[.:]", text))
    assert text[0].isupper()
    assert text.endswith(".")


def test_every_party_is_named_in_both_languages() -> None:
    """A name, a line and a SIRET that belongs to nobody."""
    for party in CONSORTIUM.parties.values():
        assert set(party.name) == set(party.line) == set(LANGUAGES)
        assert party.siret.startswith("999")


def test_parties_hold_every_dataset_of_the_vocabulary() -> None:
    """No dataset without a source."""
    held = frozenset[str]().union(*(party.holds for party in CONSORTIUM.parties.values()))
    assert held == CONSORTIUM.vocabulary.datasets.keys()


def test_every_field_has_its_category() -> None:
    """The record names each field by a term others know (DPV-PD)."""
    assert [name for name, field in CONSORTIUM.vocabulary.fields.items() if field.category is None] == []
