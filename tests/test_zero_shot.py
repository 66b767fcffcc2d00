"""The embedded model on real clips that it has never seen; the numbers that README states."""

import csv
from pathlib import Path

import pytest

from actionclip import Recognizer
from actionclip.text import labels as label_lists


@pytest.mark.slow
def test_lite_names_the_action_of_real_clips(shared: Path):
    labels = label_lists.read(shared / "labels-mixed.txt")
    recognizer = Recognizer.load("lite")
    with (shared / "videos" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        clips = [row for row in csv.DictReader(file) if row["path"].startswith("mixed/")]
    ranks = []
    for clip in clips:
        predictions = recognizer.recognize(shared / "videos" / clip["path"], labels)
        ranks.append([prediction.label for prediction in predictions].index(clip["label"]) + 1)
    assert len(ranks) == 15
    assert sum(rank == 1 for rank in ranks) >= 8, ranks
    assert sum(rank <= 5 for rank in ranks) >= 11, ranks
