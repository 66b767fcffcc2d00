from pathlib import Path

import pytest

from actionclip.data.annotations import Annotations, Example
from actionclip.data.split_names import split_named


def example(video: str, *labels: str, split="train", start=None, end=None) -> Example:
    return Example(Path(video), labels, split, "clips.csv:2", start_seconds=start, end_seconds=end)


RUN_AND_JUMP = Annotations(
    (
        example("a.mp4", "run", start=0.0, end=2.0),
        example("a.mp4", "jump", start=1.0, end=3.0),
        example("b.mp4", "run", split="test"),
    ),
    ("jump", "run"),
)


def test_a_split_keeps_the_label_list_and_so_the_indices():
    test = RUN_AND_JUMP.of_split("test")
    assert test.labels == RUN_AND_JUMP.labels
    assert test.label_indices(test.examples[0]) == [1]


def test_an_empty_split_is_named_with_those_that_are_not():
    with pytest.raises(
        ValueError, match=r"the split 'val' is empty; there are train \(2\), test \(1\)"
    ):
        RUN_AND_JUMP.of_split("val")


def test_whole_videos_have_all_their_labels_in_the_order_of_the_list_and_no_times():
    merged = RUN_AND_JUMP.whole_videos()
    assert [(e.video.name, e.labels, e.start_seconds) for e in merged.examples] == [
        ("a.mp4", ("jump", "run"), None),
        ("b.mp4", ("run",), None),
    ]
    assert merged.is_multi_label
    assert not RUN_AND_JUMP.is_multi_label


@pytest.mark.parametrize(
    ("word", "split"),
    [("Training", "train"), ("validation", "val"), (" dev ", "val"), ("test", "test"), ("x", None)],
)
def test_splits_are_known_by_their_usual_names(word, split):
    assert split_named(word) == split
