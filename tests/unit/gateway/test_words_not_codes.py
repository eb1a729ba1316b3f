"""Nobody reads a code where words belong: reasons by the entry they stand in, values of sources, a civil identity."""

import json

import pytest

from audit.events import EVENTS
from connectors.sandbox.people import load as people
from consent.states import REASONS as MEASURES
from gateway.archive.labels import CODES
from gateway.archive.told import Teller, identifier
from gateway.console.sentences import Names
from gateway.oauth.errors import REFUSALS, TOKEN_REFUSALS, Fault
from gateway.settings import PACKAGED_CATALOGUE
from gateway.signin.errors import VOUCHED
from gateway.web.dpo import telling
from gateway.web.me.reports import REASONS as REPORTED
from policies.catalogue import load
from policies.reasons import Reason

CATALOGUE = load(PACKAGED_CATALOGUE)
OF_PERSONS = [
    *(("authorisation.paused", code) for code in MEASURES["pause"]),
    *(("authorisation.invalidated", code) for code in MEASURES["invalidate"]),
    *(("exchange.undelivered", code) for code in ("sources_unavailable", "nothing_supplied", "epoch_changed")),
    *(("access.reported", code) for code in REPORTED),
    *(("session.closed", code) for code in ("signed_out", "ended", "replaced")),
]
OF_DPOS = [
    *OF_PERSONS,
    *(("signin.refused", fault.value) for fault in VOUCHED),
    *(("token.refused", detail) for detail in REFUSALS),
    *(("token.refused", f"{name}_{fault}") for name in TOKEN_REFUSALS for fault in Fault),
    *(("signal.disabled", code) for code in ("gone", "not_acknowledged")),
    ("gateway.frozen", "incident"),
]
BORN = {"birth_country": "99100", "birth_date": "1991-08-30", "birth_place": "99002"}
LUCAS = json.dumps(
    {**BORN, "family_name": "PERRIN", "given_names": ["Lucas", "Antoine"], "sex": "M", "usual_name": None}
)
ABROAD = {"birth_country": "99350", "birth_date": "1985-00-00", "birth_place": None}
FATOU = json.dumps({**ABROAD, "family_name": "SARR", "given_names": ["Fatou"], "sex": "F", "usual_name": "DIOP"})


@pytest.mark.parametrize(("type_", "code"), sorted(OF_PERSONS))
def test_a_person_reads_the_reason_of_an_entry_in_words(type_: str, code: str) -> None:
    """Rule: in the archive, in both languages, no code."""
    french, english = (Teller(CATALOGUE).reason(code, lang, of=type_) for lang in ("fr", "en"))
    assert type_ in EVENTS
    assert code not in {french, english}
    assert french != english


@pytest.mark.parametrize(("type_", "code"), sorted(OF_DPOS))
def test_a_dpo_reads_the_reason_of_an_entry_in_words(type_: str, code: str) -> None:
    """Rule: a sentence, then the code that the search takes."""
    told = {Names(CATALOGUE, lang).reason(code, of=type_) for lang in ("fr", "en")}
    assert type_ in EVENTS
    assert len(told) == 2
    assert all(each.endswith(f" ({code})") for each in told)


def test_one_code_says_what_it_means_in_its_entry() -> None:
    """Rule: the end of a session is not the end of a sharing; a report is no decision."""
    names, teller = Names(CATALOGUE, "en"), Teller(CATALOGUE)
    for code, type_ in (("ended", "session.closed"), ("unknown_purpose", "access.reported")):
        decided = Reason(code).sentence("en")
        assert decided in names.reason(code, of="exchange.decided")
        assert decided not in names.reason(code, of=type_)
        assert teller.reason(code, "en") == decided != teller.reason(code, "en", of=type_)


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_every_dataset_and_purpose_is_named_to_a_dpo(lang: str) -> None:
    """Rule: words, then the code; what the catalogue has lost is told by its code."""
    names = Names(CATALOGUE, lang)
    for dataset in CATALOGUE.vocabulary.datasets:
        assert names.dataset(dataset).endswith(f" ({dataset})")
    for purpose in CATALOGUE.purposes:
        assert names.purpose(purpose).endswith(f" ({purpose})")
    assert (names.dataset("weather"), names.purpose("weather.report")) == ("weather", "weather.report")


@pytest.mark.parametrize(
    ("field", "codes"),
    [
        ("ft_appointments.reason", ("ACC", "ORI", "AUT")),
        ("ft_appointments.mode", ("PHYSIQUE", "TELEPHONE", "VISIO")),
        ("orientation.body", ("FT", "CD", "ML", "CE")),
        ("diagnosis.finding", ("BESOIN", "POINT_FORT", "OUI", "NON", "CLOTUREE")),
    ],
)
def test_a_person_reads_the_codes_of_a_source_in_words(field: str, codes: tuple[str, ...]) -> None:
    """Rule: every published one whose meaning is published, in both languages; another is shown as it is written."""
    for code in (*codes, "XYZ"):
        told = {CODES[field].get(code, (code, code))[lang] for lang in (0, 1)}
        assert (code in told) == (code == "XYZ")


def test_what_the_sandbox_says_in_codes_has_words() -> None:
    """Rule: no fictional person shows a code on a page."""
    for person in people().values():
        found = person.standings["ft-brume"].data
        for each in found.get("ft_appointments", []):
            assert each["reason"] in CODES["ft_appointments.reason"]
        for each in found.get("orientation", []):
            assert each["body"] in CODES["orientation.body"]


def test_a_civil_identity_is_read_in_words() -> None:
    """Rule: the names of its members are nobody's words; what is not known is left out."""
    assert identifier("pivot", LUCAS, "fr") == (
        "PERRIN, Lucas Antoine, homme, date de naissance : 30/08/1991, code de la commune de naissance : 99002, "
        "pays de naissance : France"
    )
    assert identifier("pivot", FATOU, "en") == (
        "SARR, name used: DIOP, Fatou, woman, date of birth: 1985, country of birth: code 99350"
    )
    assert identifier("nir", "191089900200163", "fr") == "191089900200163"
    assert identifier("pivot", "torn", "fr") == "torn"


def test_an_alert_says_why_and_what_for_in_words() -> None:
    """Rule: a reason or a purpose nobody knows any more keeps its code."""
    assert telling.reason("withdrawn") == ("La personne a arrêté ce partage.", "The person stopped this sharing.")
    assert telling.purpose(CATALOGUE, "fraud_detection")[1] == "To look for fraud. This is banned here."
    assert (telling.reason("weather"), telling.purpose(CATALOGUE, "x.y")) == (("weather", "weather"), ("x.y", "x.y"))
    assert telling.each_of(telling.AGENTS, ["referent", "x"]) == ("référent, x", "lead professional, x")
