import unicodedata

import pytest

from actionclip.evaluation import overlap
from actionclip.text import label_sets


@pytest.mark.parametrize("written", ["archery", "Archery", "ARCHERY "])
def test_the_same_words_are_found_however_they_are_written(written):
    assert overlap.find([written], ["archery"]).same == (written,)


@pytest.mark.parametrize(
    ("label", "trained_on"),
    [
        ("HorseRiding", "riding a horse"),
        ("horse riding", "ride horses"),
        ("BenchPress", "bench pressing"),
        ("swim", "swimming"),
        ("BabyCrawling", "crawling baby"),
    ],
)
def test_other_forms_and_another_order_of_the_words_are_near(label, trained_on):
    found = overlap.find([label], ["archery", trained_on])
    assert found.same == ()
    assert found.near == ((label, trained_on),)


@pytest.mark.parametrize("label", ["riding a bike", "horse race", "horse", "riding"])
def test_other_words_are_another_action(label):
    assert overlap.find([label], ["riding a horse"]) == overlap.Overlap((), ())


def test_a_model_that_was_trained_on_nothing_has_seen_nothing():
    assert overlap.find(["archery"], []) == overlap.Overlap((), ())


def test_signs_and_case_make_no_other_label():
    assert overlap.plain("shooting_a_bow_archery") == overlap.plain("Shooting a bow, archery")


def test_kinetics_and_ucf101_overlap():
    found = overlap.find(label_sets.load("ucf101"), label_sets.load("kinetics400"))
    near = dict(found.near)
    assert {"archery", "bowling", "hammer throw", "pull ups"} <= set(found.same)
    assert near["baby crawling"] == "crawling baby"
    assert "playing violin" not in near


def test_labels_are_compared_in_one_unicode_form():
    composed, decomposed = (unicodedata.normalize(f, "café visit") for f in ("NFC", "NFD"))
    assert overlap.find([composed], [decomposed]).same == (composed,)
