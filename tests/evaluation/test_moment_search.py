import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionclip.evaluation import moment_search
from actionclip.evaluation.moment_search import Query, score, score_blind, score_part

spans = st.tuples(st.floats(0, 50), st.floats(0.1, 50)).map(lambda pair: (pair[0], sum(pair)))


def test_the_examples_hold():
    assert doctest.testmod(moment_search).failed == 0


def test_a_hit_counts_from_the_overlap_on_that_is_asked_for():
    queries = [
        Query(20.0, [(0.0, 10.0)], (0.0, 10.0)),
        Query(20.0, [(0.0, 10.0)], (0.0, 6.0)),
        Query(20.0, [(0.0, 10.0)], (15.0, 20.0)),
        Query(20.0, [(0.0, 10.0)], None),
    ]
    scores = score(queries)
    assert scores.recall_at_1 == {0.5: 0.5, 0.7: 0.25}
    assert scores.mean_iou == pytest.approx(1.6 / 4)


def test_of_several_true_moments_the_one_that_fits_best_counts():
    query = Query(20.0, [(0.0, 2.0), (10.0, 14.0)], (10.0, 14.0))
    assert score([query]).mean_iou == 1


def test_the_baseline_does_not_read_the_query_and_is_the_best_part():
    queries = [
        Query(10.0, [(3.0, 6.0)], None),
        Query(20.0, [(6.0, 12.0)], None),
        Query(10.0, [(0.0, 1.0)], None),
    ]
    part, scores = score_blind(queries)
    assert part == (0.3, 0.6)
    assert scores.recall_at_1[0.7] == pytest.approx(2 / 3)
    assert scores.mean_iou >= score_part(queries, (0.0, 1.0)).mean_iou


def test_no_query_is_refused():
    with pytest.raises(ValueError, match="there is none to score"):
        score([])


@given(spans, spans)
def test_overlap_is_symmetric_and_a_share(one, other):
    shared = moment_search.overlap(one, other)
    assert 0 <= shared <= 1
    assert shared == pytest.approx(moment_search.overlap(other, one))
    assert moment_search.overlap(one, one) == pytest.approx(1)
