import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from actionclip.data.annotations import Annotations, Example
from actionclip.evaluation import compare, report
from actionclip.evaluation.report import Report, Setting
from actionclip.evaluation.scoring import ScoredClips
from actionclip.pages import evaluation as pages

LABELS = ("running", "walking", "waving")
ROOT = Path("/data")
SETTING = Setting(
    "zero-shot", "people", "test", "lite", "ab" * 32, ("{}",), 1, 1, 0, {"cpu": "x"}, "actionclip"
)


def make(
    right: Sequence[bool],
    *,
    order: Sequence[int] | None = None,
    labels: tuple[str, ...] = LABELS,
    group: str | None = None,
    model: str = "lite",
) -> Report:
    """Clips of "running", taken for "walking" where they are not right."""
    order = order or range(len(right))
    examples = tuple(
        Example(ROOT / f"{n:03}.mp4", ("running",), "test", f"a:{n}", group=group) for n in order
    )
    scores = torch.full((len(right), len(labels)), 0.1)
    for row, number in enumerate(order):
        scores[row, 0 if right[number] else 1] = 0.8
    scored = ScoredClips(Annotations(examples, labels), scores)
    return report.make(scored, replace(SETTING, model=model), ROOT)


def test_changes_by_hand():
    before = make([True, True, False, False, True])
    after = make([True, False, True, True, True], model="tuned")
    found = compare.compare(before, after)
    assert [change.clip for change in found.won] == ["002.mp4", "003.mp4"]
    assert [(change.clip, change.before, change.after) for change in found.lost] == [
        ("001.mp4", "running", "walking")
    ]
    assert found.difference.value == pytest.approx(1 / 5)
    assert found.num_right_in_both == 2
    assert found.p_value == 1  # 2 against 1 is what a coin does
    assert not found.is_clear
    assert found.labels[0].before == pytest.approx(3 / 5)
    assert found.settings == {"model": ("lite", "tuned")} | found.settings


@pytest.mark.parametrize(
    ("won", "lost", "expected"),
    [
        (0, 0, 1),
        (1, 0, 1),
        (5, 0, 2 / 2**5),
        (0, 6, 2 / 2**6),
        (8, 2, 2 * (1 + 10 + 45) / 2**10),
        (3, 3, 1),
    ],
)
def test_the_exact_mcnemar_test_by_hand(won, lost, expected):
    assert compare.mcnemar(won, lost) == pytest.approx(expected)


def test_the_mcnemar_test_bears_many_changes():
    assert compare.mcnemar(10_000, 10_000) == 1
    # The normal approximation with continuity correction: z = 199 / sqrt(10000).
    assert compare.mcnemar(5_100, 4_900) == pytest.approx(0.0466, abs=5e-4)


def test_many_clips_won_are_a_clear_gain_and_none_changed_is_none():
    before = make([False] * 40 + [True] * 40)
    gain = compare.compare(before, make([False] * 20 + [True] * 60))
    assert gain.is_clear
    assert gain.difference.low < 0.25 < gain.difference.high
    same = compare.compare(before, before).difference
    assert same.value == 0
    assert same.low == -same.high
    assert 0.02 < same.high < 0.06  # 80 clips can miss what happens to one in twenty


def test_copies_of_one_video_prove_nothing():
    found = compare.compare(make([False] * 30, group="one"), make([True] * 30, group="one"))
    assert found.is_grouped
    assert (found.difference.low, found.difference.high) == (None, None)
    assert not found.is_clear
    assert "no interval: too few groups" in pages.render_comparison(found)


def test_reports_in_another_order_are_compared_clip_by_clip():
    right, other = [True, False, True, False], [True, True, False, False]
    straight = compare.compare(make(right), make(other))
    turned = compare.compare(make(right, order=[2, 0, 3, 1]), make(other, order=[3, 2, 1, 0]))
    assert (straight.won, straight.lost) == (turned.won, turned.lost)
    assert straight.difference == turned.difference


@settings(deadline=None, max_examples=25)
@given(pairs=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=3, max_size=20))
def test_swapping_the_reports_turns_everything_round(pairs):
    one, other = make([pair[0] for pair in pairs]), make([pair[1] for pair in pairs])
    found, swapped = compare.compare(one, other), compare.compare(other, one)
    assert [c.clip for c in found.won] == [c.clip for c in swapped.lost]
    assert found.p_value == swapped.p_value
    assert found.difference.value == pytest.approx(-swapped.difference.value)
    assert -1 <= found.difference.low <= found.difference.value <= found.difference.high <= 1


def test_reports_on_other_clips_are_refused_and_the_first_is_named():
    with pytest.raises(ValueError, match=r"3 and 2 of them, and only one has 002\.mp4"):
        compare.compare(make([True] * 3), make([True] * 2))


def test_reports_with_other_labels_of_a_clip_are_refused():
    other = make([True])
    clip = replace(other.clips[0], labels=("waving",))
    other = other.model_copy(update={"clips": (clip,), "split_hash": "other"})
    with pytest.raises(ValueError, match=r"000\.mp4 is 'running' in one and 'waving'"):
        compare.compare(make([True]), other)


def test_reports_that_chose_among_other_labels_are_refused():
    with pytest.raises(ValueError, match="3 and 2, and only one has 'waving'"):
        compare.compare(make([True]), make([True], labels=LABELS[:2]))


def test_several_labels_a_clip_are_compared_and_map_is_said_to_be_no_paired_test():
    owned = (("running", "waving"), ("walking",))
    examples = tuple(
        Example(ROOT / f"{n}.mp4", own, "test", f"a:{n}") for n, own in enumerate(owned)
    )
    annotations = Annotations(examples, LABELS)
    before, after = (
        report.make(ScoredClips(annotations, torch.tensor(scores)), SETTING, ROOT)
        for scores in ([[9.0, 1, 2], [1, 9, 3]], [[9.0, 10, 2], [1, 9, 3]])
    )
    found = compare.compare(before, after)
    assert [change.clip for change in found.lost] == ["0.mp4"]
    assert "Average precision cannot be compared clip by clip" in pages.render_comparison(found)


def test_json_and_page_hold_every_change():
    found = compare.compare(make([True, False]), make([False, True]))
    document = json.loads(found.to_json())
    assert [document["won"][0]["clip"], document["lost"][0]["clip"]] == ["001.mp4", "000.mp4"]
    text = pages.render_comparison(found)
    assert "001.mp4" in text
    assert "000.mp4" in text
    assert "http" not in text
