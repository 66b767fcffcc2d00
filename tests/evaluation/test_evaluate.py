import dataclasses
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
import torch

from actionclip import Recognizer
from actionclip.data.annotations import Annotations, Example
from actionclip.evaluation import evaluate, metrics, report
from actionclip.evaluation.evaluate import Conditions, EvaluatedModel
from actionclip.evaluation.report import Report
from actionclip.evaluation.scoring import ScoredClips
from actionclip.text import label_sets

TEMPLATES = ("a video of {}",)


def _evaluate(model, colours: Path, *labels: str, trained_on=(), **conditions) -> Report:
    annotations = evaluate.read(colours, labels=labels or None)
    subject = EvaluatedModel(Recognizer(model), "colours", TEMPLATES, trained_on)
    return evaluate.run(subject, annotations, colours, Conditions(**conditions)).report


def test_accuracy_is_that_of_recognizing_each_test_clip(colour_model, colours):
    found = _evaluate(colour_model, colours)
    recognizer = Recognizer(colour_model)
    right = [
        recognizer.recognize(video, found.labels, TEMPLATES)[0].label == video.parent.name
        for video in (colours / "test").glob("*/*.mp4")
    ]
    assert found.metrics["top1"].value == pytest.approx(sum(right) / 9)
    assert len(found.clips) == 9
    assert found.clips[0].clip == "test/blue/0.mp4"
    assert (found.setting.protocol, found.setting.split) == ("zero-shot", "test")


def test_the_protocol_follows_from_what_the_model_was_trained_on(colour_model, colours):
    found = _evaluate(colour_model, colours, trained_on=("green", "Red", "blue", "pink"))
    assert found.setting.protocol == "closed-set"
    found = _evaluate(colour_model, colours, trained_on=("green",))
    assert found.setting.protocol == "zero-shot"
    assert found.seen_labels == ("green",)
    seen, unseen = found.metrics["top1_seen"].value, found.metrics["top1_unseen"].value
    assert found.metrics["top1"].value == pytest.approx((3 * seen + 6 * unseen) / 9)


def test_labels_to_choose_from_may_be_more_and_be_written_otherwise(colour_model, colours):
    labels = ("a green frog", "Red!", "GREEN", "Blue", "pink")
    found = _evaluate(colour_model, colours, *labels)
    assert found.labels == labels
    assert {clip.labels for clip in found.clips} == {("Red!",), ("GREEN",), ("Blue",)}


def test_a_label_that_cannot_be_chosen_is_a_mistake(colours):
    with pytest.raises(ValueError, match=r"1 of its labels are not among .* 'blue'; did you"):
        evaluate.read(colours, labels=["red", "green", "blues"])


def test_every_half_is_a_draw(colour_model, colours):
    labels = ("red", "green", "blue", "pink")
    halves = _evaluate(colour_model, colours, *labels, protocol="half-class")
    assert len(halves.draws) == 10
    assert all(0 <= draw["top1"] <= 1 for draw in halves.draws)


def test_base_and_novel_are_told_apart(colour_model, colours):
    labels = ("red", "pink", "blue", "green")
    found = _evaluate(colour_model, colours, *labels, protocol="base-to-novel")
    assert found.seen_labels == ("red", "blue")
    found = {name: interval.value for name, interval in found.metrics.items()}
    one, other = found["top1_seen"], found["top1_unseen"]
    assert found["harmonic_mean"] == pytest.approx(2 * one * other / (one + other or 1))


def test_clips_of_several_labels_get_map(colour_model, colours):
    annotations = evaluate.read(colours)
    several = annotations.with_examples(
        dataclasses.replace(example, labels=(*example.labels, "green"))
        if example.labels == ("red",)
        else example
        for example in annotations.examples
    )
    subject = EvaluatedModel(Recognizer(colour_model), "colours", TEMPLATES)
    found = evaluate.run(subject, several, colours).report
    assert found.setting.protocol == "multi-label"
    assert set(found.metrics) == {"map"}


def test_answers_are_put_together_with_score_0_for_what_was_not_asked():
    def scored(label: str, labels: tuple[str, ...], *scores: float) -> ScoredClips:
        example = Example(Path(f"{label}.mp4"), (label,), "test", source=label)
        return ScoredClips(Annotations((example,), labels), torch.tensor([scores]))

    answers = [scored("b", ("c", "b"), 0.9, 0.1), scored("a", ("a", "b"), 0.7, 0.3)]
    merged = evaluate.merge(answers, ("a", "b", "c"))
    torch.testing.assert_close(merged.scores, torch.tensor([[0, 0.1, 0.9], [0.7, 0.3, 0]]))
    assert merged.truth.tolist() == [1, 0]
    assert metrics.hits(merged.scores, merged.truth, 1).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("split", "labels", "complaint"),
    [
        ("val", (), r"the split 'val' is empty; there are train \(6\), test \(9\)"),
        (None, ("green",), "2 of its labels are not among .*, the first is 'blue'; add it"),
    ],
)
def test_impossible_data_is_one_line(colour_model, colours, split, labels, complaint):
    with pytest.raises(ValueError, match=complaint) as refused:
        _evaluate(colour_model, colours, *labels, split=split)
    assert "\n" not in str(refused.value)


def test_weights_that_are_no_numbers_are_a_mistake(colour_model, colours):
    with torch.no_grad():
        colour_model.encoder.projection.bias.fill_(torch.nan)
    with pytest.raises(ValueError, match="not a number"):
        _evaluate(colour_model, colours)


@pytest.mark.parametrize("written", ["archery", "Archery", "ARCHERY "])
def test_the_same_words_are_found_however_they_are_written(written):
    assert evaluate.seen_labels([written], ["archery"]) == (written,)


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
def test_other_forms_and_another_order_of_the_words_are_seen(label, trained_on):
    assert evaluate.plain(label) != evaluate.plain(trained_on)
    assert evaluate.seen_labels([label], ["archery", trained_on]) == (label,)


@pytest.mark.parametrize("label", ["riding a bike", "horse race", "horse", "riding"])
def test_other_words_are_another_action(label):
    assert evaluate.seen_labels([label], ["riding a horse"]) == ()


def test_a_model_that_was_trained_on_nothing_has_seen_nothing():
    assert evaluate.seen_labels(["archery"], []) == ()


def test_signs_and_case_make_no_other_label():
    assert evaluate.plain("shooting_a_bow_archery") == evaluate.plain("Shooting a bow, archery")


def test_kinetics_and_ucf101_overlap():
    seen = evaluate.seen_labels(label_sets.load("ucf101"), label_sets.load("kinetics400"))
    assert {"archery", "bowling", "hammer throw", "pull ups", "baby crawling"} <= set(seen)
    assert "nunchucks" not in seen


def test_labels_are_compared_in_one_unicode_form():
    composed, decomposed = (unicodedata.normalize(f, "café visit") for f in ("NFC", "NFD"))
    assert evaluate.seen_labels([composed], [decomposed]) == (composed,)


@pytest.mark.slow
def test_two_processes_give_what_one_gives(colours, tmp_path):
    found = []
    two = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for name, launcher in (("one", []), ("two", two)):
        place = tmp_path / f"{name}.json"
        asked = ["--model", "lite", "--data", colours, "--split", "all", "--output", place]
        computing = ["--device", "cpu", "--workers", "0"]
        subprocess.run(
            [sys.executable, *launcher, "-m", "actionclip.cli", "evaluate", *asked, *computing],
            env=os.environ | {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(tmp_path / name)},
            check=True,
            capture_output=True,
            timeout=240,
        )
        found.append(report.from_json(place.read_text(), str(place)))
    one, other = found
    assert [clip.clip for clip in other.clips] == [clip.clip for clip in one.clips]
    assert len(one.clips) == 15
    scores = [[clip.score for clip in of.clips] for of in found]
    assert scores[1] == pytest.approx(scores[0], abs=1e-5)
