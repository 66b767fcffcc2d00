from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import tensor

from actionclip.data import splits
from actionclip.data.annotations import Example
from actionclip.evaluation import intervals


def pairs(number: int) -> torch.Tensor:
    return torch.arange(number).repeat_interleave(2)


def test_wilson_is_as_in_tables():
    # Newcombe (1998), table I: 81 of 263 and 15 of 148 and 0 of 20, by the score method.
    for hits, number, low, high in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)]:
        found = intervals.wilson(hits / number, number)
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)
    assert intervals.wilson(0.0, 20).high == pytest.approx(0.1611, abs=1e-4)
    assert intervals.wilson(0.0, 20).low == 0


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(1, 12.706), (2, 4.303), (4, 2.776), (7, 2.365), (99, 1.984)]
)
def test_quantiles_of_students_t_are_as_in_tables(freedom, quantile):
    assert intervals.student_quantile(freedom) == pytest.approx(quantile, abs=1e-3)


def test_independent_clips_have_wilsons_interval():
    hits = (torch.arange(40) % 4 > 0).float()
    assert intervals.of_accuracy(hits, torch.arange(40)) == intervals.wilson(0.75, 40)


def test_all_clips_right_is_no_certainty():
    found = intervals.of_accuracy(torch.ones(15), torch.arange(15))
    assert found.value == found.high == 1
    assert 0.75 < found.low < 0.85
    grouped = intervals.of_accuracy(torch.ones(30), pairs(15))
    assert grouped.low < found.low


@pytest.mark.parametrize("num_groups", [1, 2])
def test_two_groups_have_no_interval(num_groups):
    groups = torch.arange(20) % num_groups
    hits = (torch.arange(20) % 3 > 0).float()
    found = intervals.of_accuracy(hits, groups)
    assert (found.low, found.high) == (None, None)
    assert found.value == pytest.approx(float(hits.mean()))
    found = intervals.difference(hits, groups)
    assert (found.low, found.high) == (None, None)


def test_a_group_of_nearly_all_clips_is_worth_no_more_than_itself():
    groups = tensor([0] * 90 + [1] * 5 + [2] * 5)
    assert intervals.of_accuracy(torch.ones(100), groups).low is None


@pytest.mark.parametrize("correlation", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("num_groups", [3, 5, 8, 20])
def test_an_interval_holds_the_truth_in_so_many_worlds(num_groups, correlation):
    generator = torch.Generator().manual_seed(num_groups)
    groups = torch.arange(num_groups).repeat_interleave(10)
    held = 0
    for _ in range(150):
        whole = (torch.rand(num_groups, generator=generator) < 0.7).float()[groups]
        alone = (torch.rand(len(groups), generator=generator) < 0.7).float()
        is_whole = torch.rand(num_groups, generator=generator) < correlation
        found = intervals.of_accuracy(torch.where(is_whole[groups], whole, alone), groups)
        held += found.low <= 0.7 <= found.high
    assert held / 150 >= 0.9  # 95 ± 3.6 where the interval is exact


def test_a_paired_difference_holds_the_truth_in_so_many_worlds():
    generator = torch.Generator().manual_seed(0)
    groups = torch.arange(8).repeat_interleave(5)
    held = 0
    for _ in range(200):
        drawn = torch.rand(8, generator=generator)[groups] / 2
        drawn += torch.rand(40, generator=generator) / 2
        gains = (drawn < 0.25).float() - (drawn > 0.8).float()
        found = intervals.difference(gains, groups)
        truth = 0.125 - 0.08  # of a sum of two uniform numbers, halved
        held += found.low <= truth <= found.high
    assert held / 200 >= 0.9


def test_clips_that_did_not_change_may_change_in_other_clips():
    found = intervals.difference(torch.zeros(80), torch.arange(80))
    assert found.low == -found.high
    assert 0.02 < found.high < 0.06  # 80 clips can miss what happens to one in twenty


def test_each_replicate_leaves_out_whole_groups_and_each_group_is_left_out_once():
    groups = torch.randint(70, (400,), generator=torch.Generator().manual_seed(1))
    weights = intervals.leave_out(groups, seed=3)
    assert weights.shape == (intervals.MAX_REPLICATES, 400)
    assert (weights == 0).sum(0).tolist() == [1] * 400
    for group in groups.unique():
        assert (weights[:, groups == group].std(dim=1, correction=0) == 0).all()
    assert torch.equal(weights, intervals.leave_out(groups, seed=3))
    assert not torch.equal(weights, intervals.leave_out(groups, seed=4))


def test_the_interval_of_a_mean_is_the_same_from_replicates_as_from_groups():
    groups = pairs(12)
    hits = (torch.rand(24, generator=torch.Generator().manual_seed(5)) < 0.6).float()
    weights = intervals.leave_out(groups, seed=0)
    shares = (weights @ hits) / weights.sum(1)
    found = intervals.of_replicates(float(hits.mean()), shares, groups, max_number=24)
    expected = intervals.of_accuracy(hits, groups)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_parts_of_a_video_are_one_group_unless_a_group_is_named():
    def example(name: str, group: str | None = None) -> Example:
        return Example(Path(name), ("running",), "test", "a.csv:1", group=group)

    examples = [example("b.mp4"), example("a.mp4"), example("b.mp4"), example("c.mp4", "anna")]
    groups = intervals.number([splits.group_of(one) for one in examples])
    assert groups[0] == groups[2]
    assert len(groups.unique()) == 3


@settings(deadline=None, max_examples=40)
@given(
    hits=st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=30),
    num_groups=st.integers(1, 30),
)
def test_intervals_lie_within_0_and_1_hold_the_value_and_ignore_the_order(hits, num_groups):
    values = tensor(hits)
    names = [f"g{place % num_groups}" for place in range(len(hits))]
    found = intervals.of_accuracy(values, intervals.number(names))
    backwards = intervals.of_accuracy(values.flip(0), intervals.number(names[::-1]))
    if found.low is None:
        assert backwards.low is None
        return
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert backwards.low == pytest.approx(found.low, abs=1e-5)
    assert backwards.high == pytest.approx(found.high, abs=1e-5)


@pytest.mark.parametrize("copies", [2, 5])
def test_having_every_clip_several_times_does_not_narrow_the_interval(copies):
    hits = (torch.arange(40) % 4 > 0).float()
    once = intervals.of_accuracy(hits, torch.arange(40))
    found = intervals.of_accuracy(hits.repeat(copies), torch.arange(40).repeat(copies))
    assert found.value == once.value
    assert found.high - found.low == pytest.approx(once.high - once.low, abs=0.03)
