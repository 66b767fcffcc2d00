from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionclip.data import annotations, splits
from actionclip.data.annotations import Annotations, Example

SEEDS = st.integers(0, 10_000)


def clips(labels: list[str], groups: list[str | None] | None = None) -> list[Example]:
    groups = groups or [None] * len(labels)
    return [
        Example(Path(f"{place}.mp4"), (label,), "train", "here", group=group)
        for place, (label, group) in enumerate(zip(labels, groups, strict=True))
    ]


def by_label(examples: list[Example], split: str) -> Counter[str]:
    return Counter(e.labels[0] for e in examples if e.split == split)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=40), SEEDS)
def test_every_label_with_two_clips_is_in_both_splits_by_its_share(labels, seed):
    drawn = splits.draw(clips(labels), seed)
    in_val, in_train = by_label(drawn, "val"), by_label(drawn, "train")
    for label, count in Counter(labels).items():
        assert in_val[label] + in_train[label] == count
        assert in_val[label] == (0 if count == 1 else min(max(round(0.2 * count), 1), count - 1))


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("123456")), min_size=1, max_size=40),
    SEEDS,
)
def test_a_group_never_crosses_and_no_label_leaves_train(pairs, seed):
    drawn = splits.draw(clips([label for label, _ in pairs], [group for _, group in pairs]), seed)
    splits_of = {group: {e.split for e in drawn if e.group == group} for _, group in pairs}
    assert all(len(found) == 1 for found in splits_of.values())
    assert set(by_label(drawn, "train")) == {label for label, _ in pairs}


@given(st.permutations(range(12)), SEEDS)
def test_the_draw_does_not_depend_on_the_order_of_the_files(order, seed):
    examples = clips(["a", "b", "c"] * 4)
    drawn = {e.video: e.split for e in splits.draw(examples, seed)}
    assert drawn == {e.video: e.split for e in splits.draw([examples[i] for i in order], seed)}


def test_another_seed_draws_another_split():
    examples = clips(["a"] * 30)
    assert splits.draw(examples, 0) != splits.draw(examples, 1)


def test_parts_of_one_video_stay_together():
    parts = [
        Example(Path("a.mp4"), ("run",), "train", "here", start_seconds=0.0, end_seconds=1.0),
        Example(Path("a.mp4"), ("run",), "train", "here", start_seconds=1.0, end_seconds=2.0),
        Example(Path("b.mp4"), ("run",), "train", "here", start_seconds=0.0, end_seconds=1.0),
    ]
    drawn = splits.draw(parts, 0)
    assert drawn[0].split == drawn[1].split != drawn[2].split


def data_set(labels: list[str]) -> Annotations:
    examples = clips(labels)
    return Annotations(tuple(examples), annotations.labels_in_order(examples))


@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=40),
    st.integers(1, 8),
    SEEDS,
)
def test_few_shot_keeps_as_many_of_each_label_and_more_shots_keep_those(labels, shots, seed):
    few = splits.few_shot(data_set(labels), shots, seed).examples
    assert by_label(list(few), "train") == {
        label: min(shots, count) for label, count in Counter(labels).items()
    }
    assert set(few) <= set(splits.few_shot(data_set(labels), shots + 1, seed).examples)


def test_few_shot_leaves_the_test_whole():
    test = [Example(Path(f"t{i}.mp4"), ("a",), "test", "here") for i in range(5)]
    both = data_set(["a"] * 9).with_examples([*clips(["a"] * 9), *test])
    assert splits.few_shot(both, 2, 0).splits == {"train": 2, "test": 5}


def test_few_shot_says_which_label_has_too_few(caplog):
    splits.few_shot(data_set(["a", "a", "b"]), 2, 0)
    assert "'b' has 1 examples in train, fewer than 2 shots" in caplog.text


def test_few_shot_needs_a_shot():
    with pytest.raises(ValueError, match="0 shots: give 1 or more"):
        splits.few_shot(data_set(["a"]), 0, 0)
