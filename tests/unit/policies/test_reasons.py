"""Reasons: each has its sentences, and the ones that would reveal the person are told as the neutral one."""

import pytest

from policies.reasons import WITHHELD, Reason, public_of


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_sentence_in_both_languages(reason: Reason) -> None:
    """The person and the recipient never read a code alone."""
    assert reason.sentence("fr").endswith(".")
    assert reason.sentence("en").endswith(".")
    assert reason.sentence("fr") != reason.sentence("en")


@pytest.mark.parametrize("reason", Reason)
def test_a_person_is_never_spoken_of_to_themself(reason: Reason) -> None:
    """Their pages say "you"; only who asks is somebody else to them."""
    fr, en = reason.sentence_to_person("fr"), reason.sentence_to_person("en")
    assert fr.endswith(".")
    assert en.endswith(".")
    assert fr != en
    for word in ("La personne ", "de la personne", "cette personne", "the person", "this person", "The person "):
        assert word not in f"{fr} {en}".replace("la personne qui demande", "").replace("the person asking", "")


def test_reasons_that_reveal_the_person_are_told_as_withheld() -> None:
    """An address to protect, an objection, an erasure or a number found is nobody else's business."""
    hidden = {reason.value for reason in Reason if not reason.told}
    assert hidden == {
        "flags_unknown",
        "restriction",
        "tombstone",
        "objection_lodged",
        "subject_not_concerned",
        "denied_by_flag",
        "need_unmet",
        "type_mismatch",
        "transformation_failed",
        "nir_detected",
        "rows_ambiguous",
        "not_supplied",
    }
    assert {reason.public for reason in Reason if not reason.told} == {WITHHELD}
    assert all(reason.public == reason.value for reason in Reason if reason.told)


def test_a_code_is_told_as_its_reason_is() -> None:
    """One of an older catalogue is not told."""
    assert all(public_of(reason.value) == reason.public for reason in Reason)
    assert public_of("of_long_ago") == WITHHELD
