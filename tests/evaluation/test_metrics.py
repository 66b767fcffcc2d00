from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import tensor
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_calibration_error,
)

from actionclip.data.annotations import Annotations, Example
from actionclip.evaluation import estimates, metrics
from actionclip.evaluation.scoring import ScoredClips

SCORES = tensor([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3]])
TRUTH = tensor([0, 1, 2, 2])
"""Right, second best, right, second best."""


def accuracy(scores: torch.Tensor, labels: list[list[int]]) -> dict[str, float]:
    return metrics.headline(scores, labels, exclusive=True)


def mean_average_precision(scores: torch.Tensor, labels: list[list[int]]) -> dict[str, float]:
    return metrics.headline(scores, labels, exclusive=False)


def random_scores(num_clips: int, num_labels: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(num_clips, num_labels, generator=generator).softmax(1)


def random_truth(num_clips: int, num_labels: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(num_labels, (num_clips,), generator=torch.Generator().manual_seed(seed))


def scored(labels: list[list[int]], scores: list[list[float]]) -> ScoredClips:
    names = ("running", "walking", "waving", "jumping", "bending", "skipping")[: len(scores[0])]
    examples = (
        Example(Path(f"{row}.mp4"), tuple(names[index] for index in own), "test", f"a.csv:{row}")
        for row, own in enumerate(labels)
    )
    return ScoredClips(Annotations(tuple(examples), names), torch.tensor(scores))


def test_hits_by_hand():
    assert metrics.hits(SCORES, TRUTH, 1).tolist() == [1, 0, 1, 0]
    assert metrics.hits(SCORES, TRUTH, 2).tolist() == [1, 1, 1, 1]
    found = accuracy(SCORES, [[0], [1], [2], [2]])
    assert found == {"top1": 0.5, "top5": 1.0}  # of three labels each is among the best five


@pytest.mark.parametrize("num_labels", [2, 3, 10])
def test_equal_scores_for_all_labels_are_chance(num_labels):
    scores = torch.full((num_labels, num_labels), 1 / num_labels)
    found = accuracy(scores, [[label] for label in range(num_labels)])
    assert found["top1"] == pytest.approx(1 / num_labels)
    assert found["top5"] == pytest.approx(min(1, 5 / num_labels))


def test_a_tie_counts_by_the_share_of_orders_in_which_the_label_is_among_the_best():
    scores = tensor([[0.4, 0.4, 0.2], [0.5, 0.25, 0.25]])
    assert metrics.hits(scores, tensor([1, 2]), 1).tolist() == [0.5, 0]
    assert metrics.hits(scores, tensor([1, 2]), 2).tolist() == [1, 0.5]


def test_a_tie_is_no_diagonal_entry_of_the_confusion():
    scores = tensor([[0.4, 0.4, 0.2], [0.4, 0.4, 0.2]])
    assert metrics.confusion(scores, tensor([0, 1])).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]


def test_confusion_by_hand_has_the_labels_in_rows():
    assert metrics.confusion(SCORES, TRUTH).tolist() == [[1, 0, 0], [1, 0, 0], [0, 1, 1]]


def test_accuracy_by_label_by_hand_and_a_label_without_clips_has_none():
    right = metrics.hits(SCORES, TRUTH, 1)
    found = metrics.by_label(right, TRUTH, 4, torch.ones(1, 4))[0]
    assert found[:3].tolist() == [1, 0, 0.5]
    assert found[3].isnan()
    assert float(found.nanmean()) == 0.5


def test_weights_count_a_clip_as_often():
    right = metrics.hits(SCORES, TRUTH, 1)
    assert metrics.by_label(right, TRUTH, 3, tensor([[1.0, 1, 3, 1]]))[0].tolist() == [1, 0, 0.75]


def test_average_precision_by_hand():
    scores = tensor([[4.0, 1], [3, 2], [2, 3], [1, 4]])
    marked = tensor([[1, 1], [0, 0], [1, 0], [0, 0]]).bool()
    # First label: its clips come 1st and 3rd: (1/1 + 2/3) / 2. Second: its clip comes last: 1/4.
    found = metrics.average_precisions(scores, marked)
    assert found.tolist() == pytest.approx([5 / 6, 1 / 4])
    labels = [[0, 1], [], [0], []]
    assert mean_average_precision(scores, labels)["map"] == pytest.approx(13 / 24)


def test_average_precision_of_equal_scores_is_the_share_of_the_labels_clips():
    marked = tensor([[1, 0], [0, 1], [0, 1], [0, 1]]).bool()
    found = metrics.average_precisions(torch.zeros(4, 2), marked)
    assert found.tolist() == pytest.approx([0.25, 0.75])


def test_labels_without_clips_do_not_count_in_map():
    scores = tensor([[2.0, 5, 0], [1, 5, 0]])
    assert mean_average_precision(scores, [[0], []]) == {"map": 1.0}


def test_far_logits_stay_apart():
    scores = tensor([[900.0], [800.0], [700.0]])
    assert mean_average_precision(scores, [[0], [0], []]) == {"map": 1.0}


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), levels=st.integers(1, 12))
def test_with_ties_average_precision_is_that_of_scikit_learn_by_hand(seed, levels):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randint(levels, (12,), generator=generator).float()
    own = torch.rand(12, generator=generator) < 0.4
    expected, recall = 0.0, 0.0
    for level in scores.unique().flip(0):  # the clips of one score come together
        named = scores >= level
        precision = float(own[named].float().mean())
        now = float(own[named].sum() / own.sum().clamp(min=1))
        expected, recall = expected + (now - recall) * precision, now
    found = float(metrics.average_precisions(scores[:, None], own[:, None]))
    if own.any():
        assert found == pytest.approx(expected, abs=1e-6)
    else:
        assert found != found


def test_scores_that_differ_in_the_last_digit_stay_apart():
    one = tensor([[1.0], [1.0], [1000.0]])
    one[0] = one[0].nextafter(tensor([2.0]))
    assert metrics.average_precisions(one, tensor([[True], [False], [True]])).tolist() == [1.0]


def test_calibration_by_hand():
    # Best scores 0.7 right, 0.5 wrong, 0.6 right, 0.5 wrong, each pair far from the others:
    # bins of 1/15 hold {0.7}, {0.5, 0.5} and {0.6}: (0.3 + 2 · 0.5 + 0.4) / 4.
    confidences, is_right = SCORES.amax(1), metrics.hits(SCORES, TRUTH, 1) == 1
    error = metrics.expected_calibration_error(confidences, is_right)
    assert error == pytest.approx(1.7 / 4)
    bins = metrics.reliability(confidences, is_right)
    assert bins.counts.sum() == 4
    assert sorted(bins.hits.tolist())[-3:] == [0, 1, 1]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=40))
def test_the_diagram_shows_the_bins_of_the_calibration_error(clips):
    # Of 0 to 1 in steps of half a bin, so that many lie on an edge, and 1 in the last bin.
    confidences = tensor([place / 30 for place, _ in clips])
    is_right = tensor([right for _, right in clips])
    bins = metrics.reliability(confidences, is_right)
    shown = float((bins.scores - bins.hits).abs().sum() / bins.counts.sum())
    error = metrics.expected_calibration_error(confidences, is_right)
    assert error == pytest.approx(shown, abs=1e-6)


def test_the_calibration_error_is_the_mean_distance_of_confidence_and_accuracy():
    confidences = torch.tensor([0.9, 0.9, 0.9, 0.9, 0.5, 0.5])
    is_right = torch.tensor([True, True, False, False, True, False])
    error = metrics.expected_calibration_error(confidences, is_right)
    assert error == pytest.approx(4 / 6 * 0.4)


def test_a_certain_and_right_model_is_calibrated():
    error = metrics.expected_calibration_error(torch.ones(3), torch.ones(3).bool())
    assert error == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("num_labels", [3, 20])
def test_without_ties_metrics_are_those_of_torchmetrics(num_labels):
    scores, truth = random_scores(200, num_labels), random_truth(200, num_labels)
    for k in (1, 3):
        theirs = multiclass_accuracy(scores, truth, num_labels, average="micro", top_k=k)
        assert float(metrics.hits(scores, truth, k).mean()) == pytest.approx(float(theirs))
    theirs = multiclass_accuracy(scores, truth, num_labels, average="macro")
    right = metrics.hits(scores, truth, 1)
    ours = metrics.by_label(right, truth, num_labels, torch.ones(1, 200)).nanmean()
    assert float(ours) == pytest.approx(float(theirs))
    theirs = multiclass_calibration_error(scores, truth, num_labels, n_bins=15)
    ours = metrics.expected_calibration_error(scores.amax(1), right == 1)
    assert ours == pytest.approx(float(theirs), abs=1e-6)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_the_clips_does_not_matter_nor_does_having_each_twice(seed):
    scores, truth = random_scores(30, 6, seed), random_truth(30, 6, seed)
    labels = [[int(label)] for label in truth]
    order = torch.randperm(30, generator=torch.Generator().manual_seed(seed)).tolist()
    for rows in (order, [*range(30), *range(30)]):
        same = [labels[row] for row in rows]
        for metric in (accuracy, mean_average_precision):
            assert metric(scores[rows], same) == pytest.approx(metric(scores, labels))
        error = metrics.expected_calibration_error
        is_right = metrics.hits(scores, truth, 1) == 1
        once = error(scores.amax(1), is_right)
        twice = error(scores.amax(1)[rows], is_right[rows])
        assert twice == pytest.approx(once, abs=1e-6)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_named_with_its_clip(value):
    whole = scored([[0], [1]], [[0.5, 0.5], [0.5, value]])
    with pytest.raises(ValueError, match=r"1\.mp4.*'walking'.*not a number"):
        estimates.check(whole)


def test_nothing_scored_and_nothing_labelled_are_mistakes():
    nothing = scored([[0]], [[0.5, 0.5]])
    empty = ScoredClips(
        nothing.annotations.with_examples([]), torch.zeros(0, 2), {"clips.csv:2": "cut"}
    )
    with pytest.raises(ValueError, match="no clip was scored, 1 could not be read"):
        estimates.check(empty)
    with pytest.raises(ValueError, match="no clip has a label"):
        estimates.check(scored([[], []], [[0.5, 0.5], [0.5, 0.5]]))
