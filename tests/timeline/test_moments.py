from collections.abc import Sequence

import numpy as np

from actionclip.timeline.moments import Began, Ended, Grouping, Moment, Slot
from actionclip.timeline.settings import Settings

SETTINGS = Settings(start_score=0.6, end_score=0.4, min_seconds=1.0, max_gap_seconds=0.5)


def group(*columns: Sequence[float], settings: Settings = SETTINGS) -> list[Began | Ended]:
    """Group slots of half a second; a column is the scores of a label."""
    grouping = Grouping("abcdef"[: len(columns)], settings)
    events = []
    for number, row in enumerate(zip(*columns, strict=True)):
        events += grouping.push(Slot(number / 2, (number + 1) / 2, np.array(row)))
    return events + grouping.close()


def moments(*columns: Sequence[float], settings: Settings = SETTINGS) -> list[Moment]:
    events = group(*columns, settings=settings)
    return [event.moment for event in events if isinstance(event, Ended)]


def test_a_moment_lasts_while_its_score_is_above_the_lower_threshold():
    found = moments([0.1, 0.4, 0.5, 0.6, 0.4, 0.3, 0.1, 0.1])
    assert found == [Moment(0.5, 2.5, "a", 0.475)]


def test_what_never_reaches_the_upper_threshold_is_no_moment():
    assert group([0.5, 0.59, 0.5, 0.5]) == []


def test_a_short_gap_is_bridged_and_counts_for_the_score():
    assert moments([0.6, 0.6, 0.2, 0.6, 0.6]) == [Moment(0.0, 2.5, "a", 0.52)]


def test_a_longer_gap_parts_two_moments():
    found = moments([0.6, 0.6, 0.2, 0.2, 0.6, 0.6])
    assert [(moment.start_seconds, moment.end_seconds) for moment in found] == [(0, 1), (2, 3)]


def test_a_gap_at_the_end_belongs_to_nothing():
    assert moments([0.6, 0.6, 0.2]) == [Moment(0.0, 1.0, "a", 0.6)]


def test_a_moment_that_is_too_short_is_neither_begun_nor_ended():
    assert group([0.1, 0.9, 0.1, 0.1, 0.1]) == []


def test_labels_may_overlap_and_keep_their_order():
    events = group([0.1, 0.9, 0.9, 0.9], [0.9, 0.9, 0.1, 0.1])
    assert events == [
        Began(0.0, "b"),
        Began(0.5, "a"),
        Ended(Moment(0.0, 1.0, "b", 0.9)),
        Ended(Moment(0.5, 2.0, "a", 0.9)),
    ]


def test_a_beginning_is_told_as_soon_as_it_is_certain_and_every_one_ends():
    grouping = Grouping("a", SETTINGS)
    told = [grouping.push(Slot(n / 2, (n + 1) / 2, np.array([0.9]))) for n in range(4)]
    assert told == [[], [Began(0.0, "a")], [], []]
    assert grouping.close() == [Ended(Moment(0.0, 2.0, "a", 0.9))]
    assert grouping.close() == []


def test_a_label_may_have_a_score_of_its_own():
    settings = Settings(start_score=0.6, start_scores={"b": 0.3}, min_seconds=0.0)
    found = moments([0.5, 0.5], [0.1, 0.3], settings=settings)
    assert found == [Moment(0.5, 1.0, "b", 0.3)]


def test_many_labels_that_are_low_cost_nothing_that_stays():
    grouping = Grouping([str(n) for n in range(100)], SETTINGS)
    for number in range(50):
        grouping.push(Slot(number / 2, (number + 1) / 2, np.full(100, 0.1)))
    assert grouping.close() == []
