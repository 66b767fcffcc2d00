import moments
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moments import TrueMoment

from actionclip.timeline.moments import Moment


def found(start: float, end: float, score: float, label: str = "running") -> Moment:
    return Moment(float(start), float(end), label, score)


def true(start: float, end: float, label: str = "running") -> TrueMoment:
    return TrueMoment(float(start), float(end), label)


RUN = [true(0, 10), true(20, 30)]


def precision(*own: Moment, iou: float = 0.5) -> float:
    return moments.average_precision([own], [RUN], iou)


@st.composite
def parts(draw: st.DrawFn, kind: type) -> Moment | TrueMoment:
    start = draw(st.integers(0, 20))
    end = start + draw(st.integers(1, 10))
    label = draw(st.sampled_from(["running", "walking", "waving"]))
    if kind is TrueMoment:
        return true(start, end, label)
    return found(start, end, draw(st.integers(1, 100)) / 100, label)


FOUND = st.lists(parts(Moment), max_size=8)
TRUTH = st.lists(parts(TrueMoment), min_size=1, max_size=6)
IOUS = st.sampled_from([0.1, 0.3, 0.5, 0.75, 1.0])


@pytest.mark.parametrize(
    ("one", "other", "iou"),
    [
        ((0, 10), (0, 10), 1),
        ((0, 10), (5, 15), 1 / 3),
        ((0, 10), (2, 7), 0.5),
        ((0, 10), (10, 20), 0),
        ((0, 10), (30, 40), 0),
    ],
)
def test_iou_by_hand(one, other, iou):
    a, b = found(*one, 0.5), true(*other)
    assert moments.temporal_iou(a, b) == moments.temporal_iou(b, a) == pytest.approx(iou)


def test_average_precision_by_hand():
    assert precision(found(0, 10, 0.9), found(20, 30, 0.8)) == 1
    assert precision(found(0, 10, 0.9)) == 0.5
    assert precision() == 0
    # wrong, right, right: the precision at both recalls is the highest that follows, two thirds
    assert precision(found(12, 18, 0.9), found(0, 9, 0.8), found(20, 29, 0.7)) == pytest.approx(
        2 / 3
    )
    # right, wrong, right: one, then two thirds
    assert precision(found(0, 9, 0.9), found(12, 18, 0.8), found(20, 29, 0.7)) == pytest.approx(
        (1 + 2 / 3) / 2
    )


def test_what_is_wrong_and_comes_last_costs_nothing():
    assert precision(found(0, 10, 0.9), found(20, 30, 0.8), found(12, 18, 0.1)) == 1


def test_a_true_moment_is_found_once():
    assert precision(found(0, 10, 0.9), found(0, 10, 0.8), found(20, 30, 0.7)) == pytest.approx(
        (1 + 2 / 3) / 2
    )


def test_a_moment_whose_best_truth_is_taken_may_take_another():
    truth = [true(0, 10), true(4, 14)]
    both = [found(2, 10, 0.9), found(2, 11, 0.8)]
    assert moments.average_precision([both], [truth], 0.5) == 1


def test_overlap_that_is_just_enough_is_enough():
    assert precision(found(0, 5, 0.9), iou=0.5) == 0.5
    assert precision(found(0, 4.9, 0.9), iou=0.5) == 0


def test_moments_are_matched_within_their_video_and_ranked_over_all():
    videos = [[found(20, 30, 0.9)], [found(0, 10, 0.8)]]
    truth = [[true(0, 10)], [true(0, 10)]]
    assert moments.average_precision(videos, truth, 0.5) == 0.25  # half of recall at one of two


def test_the_mean_is_over_labels_with_truth():
    own = [found(0, 10, 0.9), found(0, 10, 0.9, "walking"), found(0, 10, 0.9, "swimming")]
    truth = [true(0, 10), true(20, 30, "walking")]
    assert moments.mean_average_precision([own], [truth], 0.5) == 0.5


def test_frame_accuracy_by_hand():
    truth = [true(0, 4), true(6, 10, "walking")]
    own = [found(0, 5, 0.9), found(2, 8, 0.5, "walking"), found(9, 10, 0.1)]
    answers = [answer for _, answer in moments.answers_over_time(own, 10.0, 1.0)]
    assert answers == [*["running"] * 5, *["walking"] * 3, None, "running"]
    assert moments.frame_accuracy(own, truth, 10.0, 1.0) == 0.6
    assert moments.frame_accuracy(own, truth, 10.0, 4.0) == 0.6


def test_none_is_right_where_nothing_is_true():
    assert moments.frame_accuracy([], RUN, 40.0, 4.0) == 0.5
    assert moments.frame_accuracy([], [], 40.0, 4.0) == 1


def test_each_of_several_labels_that_are_true_at_a_time_is_right():
    truth = [true(0, 10), true(0, 10, "waving")]
    for label in ("running", "waving"):
        assert moments.frame_accuracy([found(0, 10, 0.9, label)], truth, 10.0, 4.0) == 1


@given(TRUTH, IOUS)
def test_the_truth_itself_is_perfect(truth, iou):
    own = [found(one.start_seconds, one.end_seconds, 1.0, one.label) for one in truth]
    assert moments.mean_average_precision([own], [truth], iou) == 1
    assert moments.frame_accuracy(own, truth, 30.0, 2.0) == 1


@given(FOUND, TRUTH, IOUS)
def test_more_overlap_asked_for_is_no_better(own, truth, iou):
    strict, lax = (moments.mean_average_precision([own], [truth], at) for at in (iou, iou / 2))
    assert 0 <= lax <= 1
    if len(truth) == len({moment.label for moment in truth}):  # nothing else to be matched with
        assert strict <= lax


@given(FOUND, TRUTH, IOUS)
def test_only_the_order_of_the_scores_counts(own, truth, iou):
    lower = [Moment(m.start_seconds, m.end_seconds, m.label, m.score**2 / 3) for m in own]
    values = [moments.mean_average_precision([some], [truth], iou) for some in (own, lower)]
    assert values[0] == values[1]


@given(FOUND, TRUTH, IOUS)
def test_a_moment_of_a_label_without_truth_changes_nothing(own, truth, iou):
    more = [found(0, 30, 1.0, "swimming"), *own]
    values = [moments.mean_average_precision([some], [truth], iou) for some in (own, more)]
    assert values[0] == values[1]
