import dataclasses
from pathlib import Path

import numpy as np
import pytest

from actionclip.data.annotations import Annotations, Example, Split
from actionclip.evaluation import protocols


def _data(*clips: tuple[str, Split], labels: str = "", drawn: bool = False) -> Annotations:
    """Clips of (labels, split); a label is a letter."""
    examples = tuple(
        Example(Path(f"{number}.mp4"), tuple(of), split, source=f"clips.csv:{number}")
        for number, (of, split) in enumerate(clips)
    )
    names = labels or sorted({label for of, _ in clips for label in of})
    return Annotations(examples, tuple(names), split_drawn=drawn)


def _videos(annotations: Annotations) -> list[str]:
    return [example.video.stem for example in annotations.examples]


TWO_LABELS = (("a", "train"), ("a", "val"), ("b", "test"), ("b", "train"), ("a", "test"))


def test_closed_set_asks_the_test_clips_for_all_labels():
    protocol = protocols.make("closed-set", _data(*TWO_LABELS))
    [subset] = protocol.subsets
    asked = subset.select(protocol.annotations)
    assert _videos(asked) == ["2", "4"]
    assert asked.labels == ("a", "b")


def test_without_test_clips_those_of_val_count():
    annotations = _data(("a", "train"), ("a", "val"), ("b", "val"))
    assert _videos(protocols.make("closed-set", annotations).annotations) == ["1", "2"]


@pytest.mark.parametrize(("split", "expected"), [("train", "03"), ("val", "1"), ("all", "01234")])
def test_the_clips_to_test_on_can_be_chosen(split, expected):
    protocol = protocols.make("zero-shot", _data(*TWO_LABELS), split=split)
    assert _videos(protocol.annotations) == list(expected)


def test_with_nothing_trained_all_clips_of_a_drawn_split_count():
    drawn = _data(("a", "train"), ("b", "val"), drawn=True)
    assert _videos(protocols.make("zero-shot", drawn).annotations) == ["0", "1"]
    assert _videos(protocols.make("closed-set", drawn).annotations) == ["1"]
    named = dataclasses.replace(drawn, split_drawn=False)
    assert _videos(protocols.make("zero-shot", named).annotations) == ["1"]


def test_a_half_is_that_of_the_published_code():
    annotations = _data(*((label, "test") for label in "abcdefg"))
    protocol = protocols.make("half-class", annotations)
    assert len(protocol.subsets) == 10
    assert protocol.is_drawn
    for seed, subset in enumerate(protocol.subsets):
        np.random.seed(seed)
        half = ["abcdefg"[index] for index in np.random.permutation(7)[:3]]
        assert list(subset.candidates) == half
        asked = subset.select(protocol.annotations)
        assert {example.labels[0] for example in asked.examples} == set(half)


def test_base_labels_are_the_more_frequent_half_rounded_up():
    annotations = _data(*((label, "train") for label in "abbbcccdde"))
    assert protocols.base_and_novel(annotations) == (("b", "c", "d"), ("a", "e"))


def test_equally_frequent_labels_keep_their_order():
    assert protocols.base_and_novel(_data(labels="abcd")) == (("a", "b"), ("c", "d"))


def test_base_and_novel_clips_are_asked_among_their_own_labels():
    annotations = _data(*((label, "train") for label in "aabb"), *((la, "test") for la in "dcba"))
    protocol = protocols.make("base-to-novel", annotations)
    base, novel = (subset.select(protocol.annotations) for subset in protocol.subsets)
    assert (_videos(base), base.labels) == (["6", "7"], ("a", "b"))
    assert (_videos(novel), novel.labels) == (["4", "5"], ("c", "d"))
    assert protocol.seen == ("a", "b")


def test_generalised_asks_clips_of_seen_and_unseen_labels_among_all():
    annotations = _data(*((label, "test") for label in "abc"))
    protocol = protocols.make("generalised", annotations, trained_on=["b", "z"])
    [subset] = protocol.subsets
    assert subset.select(protocol.annotations).labels == ("a", "b", "c")
    assert len(subset.select(protocol.annotations).examples) == 3
    assert protocol.seen == ("b",)


def test_multi_label_asks_whole_videos_for_all_their_actions():
    first, second, other = (
        Example(Path(video), tuple(of), "test", "c", start, start + 1)
        for video, of, start in (("x.mp4", "a", 0.0), ("x.mp4", "c", 5.0), ("y.mp4", "", 0.0))
    )
    protocol = protocols.make("multi-label", Annotations((first, second, other), ("a", "b", "c")))
    [subset] = protocol.subsets
    asked = subset.select(protocol.annotations)
    assert [example.labels for example in asked.examples] == [("a", "c"), ()]
    assert asked.examples[0].end_seconds is None


def test_the_shots_are_those_that_the_scarcest_label_has_clips_for():
    annotations = _data(*((label, "train") for label in "aaabbbbb"), ("b", "test"))
    assert protocols.possible_shots(annotations) == (1, 2)


def test_the_protocol_is_chosen_by_data_and_model():
    assert protocols.choose(_data(("a", "test"), ("b", "test")), ["b", "a", "c"]) == "closed-set"
    assert protocols.choose(_data(("a", "test"), ("b", "test")), ["a"]) == "zero-shot"
    assert protocols.choose(_data(("ab", "test")), ["a", "b"]) == "multi-label"


FOUR = tuple((label, "test") for label in "abcd")


@pytest.mark.parametrize(
    ("name", "annotations", "trained_on", "complaint"),
    [
        ("zeroshot", _data(*FOUR), (), "no protocol is called 'zeroshot'; there are closed-set"),
        ("closed-set", _data(("a", "test")), (), "the only label is 'a'"),
        ("closed-set", _data(("a", "train"), ("b", "train")), (), r"there are train \(2\)"),
        ("closed-set", _data(labels="ab"), (), "there are no clips"),
        ("zero-shot", _data(*FOUR), "abcd", "trained on all 4 labels; use closed-set"),
        ("zero-shot", _data(("ab", "test"), ("b", "test")), (), "several labels"),
        ("half-class", _data(*FOUR[:3]), (), "3 labels make no two halves; give 4"),
        ("half-class", _data(("a", "test"), labels="abcdef"), (), "half .*: no clip"),
        ("base-to-novel", _data(*FOUR[:2], labels="abcd"), (), "novel: no clip to test on has"),
        ("generalised", _data(*FOUR), (), "trained on 0 of the 4 labels"),
        ("generalised", _data(*FOUR), "abcd", "trained on 4 of the 4 labels"),
        ("generalised", _data(*FOUR[:2], labels="abcd"), "cd", "no clip"),
        ("multi-label", _data(*FOUR), (), "every video has exactly one label; use closed-set"),
    ],
)
def test_data_that_does_not_go_with_a_protocol_is_refused(name, annotations, trained_on, complaint):
    with pytest.raises(ValueError, match=complaint) as refused:
        protocols.make(name, annotations, trained_on=trained_on)
    assert "\n" not in str(refused.value)


def test_a_label_without_clips_to_train_on_is_refused():
    annotations = _data(*((label, "train") for label in "aaa"), ("b", "test"))
    with pytest.raises(ValueError, match="1 shots: the label 'b' has only 0 clips to train on"):
        protocols.possible_shots(annotations)
