"""What training and evaluation ask of a data set, so that `data check` asks the same."""

from __future__ import annotations

from collections.abc import Iterator

from actionclip.data.annotations import Annotations


def unmet(annotations: Annotations) -> Iterator[str]:
    """Give a sentence for each reason why a model cannot be trained and tested on a data set."""
    splits = annotations.splits
    used = {label for example in annotations.examples for label in example.labels}
    if len(used) < 2:
        yield (
            f"the only label is {''.join(used)!r}; training tells labels apart, so give clips"
            " of two or more"
        )
    num_train = sum(bool(e.labels) for e in annotations.examples if e.split == "train")
    if num_train < 2 and used:
        yield (
            f"{num_train} clips in train; training compares clips with each other, so give two or"
            " more (with clips in val or test alone, a model can still be evaluated)"
        )
    if "val" in splits or "test" in splits or num_train < 2:
        return
    if annotations.split_drawn:
        yield (
            "no clip can be held out for testing, because no label has two clips that are not"
            " near-copies; add a second clip to at least one label; a model can be evaluated"
            " without it"
        )
    else:
        yield (
            "all clips are in train, none in val or test; add some there, or leave the split away"
            " to have one drawn"
        )
