import torch
from described_actions import ClipSet, draws

CLIPS = ClipSet(["a", "b", "c", "d"], [0, 0, 0, 1, 1, 2], torch.eye(6))


def test_no_example_is_tested_and_one_clip_of_each_label_is():
    for case in draws(CLIPS, 5, seed=0):
        taken = {int(row.argmax()) for rows in case.examples.values() for row in rows}
        assert taken.isdisjoint(case.tested)
        assert taken | {*case.tested} == set(range(6))
        assert {CLIPS.truth[clip] for clip in case.tested} == {0, 1, 2}
        assert all(len(rows) <= case.shots for rows in case.examples.values())
        assert set(case.examples) == {0, 1}


def test_a_seed_draws_the_same_again():
    first, again, other = (list(draws(CLIPS, 4, seed)) for seed in (0, 0, 1))
    assert [case.tested for case in first] == [case.tested for case in again]
    assert [case.tested for case in first] != [case.tested for case in other]
