from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import tensor

from actionclip.data.annotations import Example
from actionclip.evaluation import bootstrap


def of_hits(hits: torch.Tensor, groups: torch.Tensor, seed: int = 0) -> bootstrap.Interval:
    weights = bootstrap.draw(groups, bootstrap.NUM_DRAWS, seed)
    return bootstrap.of_accuracy(hits, groups, (weights @ hits) / weights.sum(1))


def test_wilson_is_as_in_tables():
    # Newcombe (1998), table I: 81 of 263 and 15 of 148 and 0 of 20, by the score method.
    for hits, number, low, high in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)]:
        found = bootstrap.wilson(hits / number, number)
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)
    assert bootstrap.wilson(0.0, 20).high == pytest.approx(0.1611, abs=1e-4)
    assert bootstrap.wilson(0.0, 20).low == 0


def test_all_clips_right_is_no_certainty():
    found = of_hits(torch.ones(15), torch.arange(15))
    assert found.value == found.high == 1
    assert 0.75 < found.low < 0.85


def test_copies_of_one_video_tell_no_more_than_the_video():
    copies = of_hits(torch.ones(15), torch.zeros(15, dtype=torch.long))
    assert copies == of_hits(torch.ones(1), torch.zeros(1, dtype=torch.long))
    assert copies.low < 0.25


def test_groups_that_are_right_or_wrong_as_a_whole_widen_the_interval():
    hits = torch.arange(40).remainder(2).float().repeat_interleave(10)
    alone = of_hits(hits, torch.arange(400))
    together = of_hits(hits, torch.arange(40).repeat_interleave(10))
    assert together.high - together.low > 2.5 * (alone.high - alone.low)


def test_the_bootstrap_of_independent_clips_is_about_as_wide_as_wilsons():
    hits = (torch.arange(500) % 10 < 3).float()
    weights = bootstrap.draw(torch.arange(500), 1000, seed=0)
    found = bootstrap.interval(0.3, (weights @ hits) / weights.sum(1), 500)
    expected = bootstrap.wilson(0.3, 500)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.01)


def test_an_interval_holds_the_value_in_so_many_worlds():
    # 300 worlds of 60 clips in 30 pairs, of which both are right with probability 0.7.
    generator = torch.Generator().manual_seed(0)
    groups = torch.arange(30).repeat_interleave(2)
    held = 0
    for world in range(300):
        hits = (torch.rand(30, generator=generator) < 0.7).float()[groups]
        found = of_hits(hits, groups, seed=world)
        held += found.low <= 0.7 <= found.high
    assert 0.9 <= held / 300 <= 0.99


def test_clips_of_a_group_are_drawn_together():
    groups = tensor([0, 1, 0, 2, 1])
    weights = bootstrap.draw(groups, 50, seed=1)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, 1] == weights[:, 4]).all()
    assert (weights[:, [0, 1, 3]].sum(1) == 3).all()


def test_the_same_seed_draws_the_same_and_another_does_not():
    groups = torch.arange(20)
    assert torch.equal(bootstrap.draw(groups, 5, seed=3), bootstrap.draw(groups, 5, seed=3))
    assert not torch.equal(bootstrap.draw(groups, 5, seed=3), bootstrap.draw(groups, 5, seed=4))


def test_draws_that_are_all_too_high_are_moved_to_the_value():
    low, high = bootstrap.reach(0.2, torch.linspace(0.3, 0.5, 1001))
    assert (low, high) == pytest.approx((0.105, 0.295), abs=1e-3)


def test_draws_without_a_clip_to_tell_do_not_count():
    draws = torch.cat([torch.linspace(0.3, 0.5, 1001), torch.full((500,), torch.nan)])
    assert bootstrap.reach(0.4, draws) == pytest.approx((0.305, 0.495), abs=1e-3)


def test_parts_of_a_video_are_one_group_unless_a_group_is_named():
    def example(name: str, group: str | None = None) -> Example:
        return Example(Path(name), ("running",), "test", "a.csv:1", group=group)

    examples = [example("b.mp4"), example("a.mp4"), example("b.mp4"), example("c.mp4", "anna")]
    groups = bootstrap.number([bootstrap.group_of(one) for one in examples])
    assert groups[0] == groups[2]
    assert len(groups.unique()) == 3


@settings(deadline=None, max_examples=40)
@given(
    hits=st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=30),
    num_groups=st.integers(1, 30),
    seed=st.integers(0, 1000),
)
def test_intervals_lie_within_0_and_1_hold_the_value_and_ignore_the_order(hits, num_groups, seed):
    values = tensor(hits)
    names = [f"g{place % num_groups}" for place in range(len(hits))]
    found = of_hits(values, bootstrap.number(names), seed)
    assert 0 <= found.low <= found.value <= found.high <= 1
    backwards = of_hits(values.flip(0), bootstrap.number(names[::-1]), seed)
    assert backwards.low == pytest.approx(found.low, abs=1e-5)
    assert backwards.high == pytest.approx(found.high, abs=1e-5)


@pytest.mark.parametrize("copies", [2, 5])
def test_having_every_clip_several_times_does_not_narrow_the_interval(copies):
    hits = (torch.arange(40) % 4 > 0).float()
    once = of_hits(hits, torch.arange(40))
    found = of_hits(hits.repeat(copies), torch.arange(40).repeat(copies))
    assert found.value == once.value
    assert found.high - found.low == pytest.approx(once.high - once.low, abs=0.03)
