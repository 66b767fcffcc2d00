"""Searching for actions described by words and examples."""

import os

import pytest

from actionclip import Action, Example


@pytest.fixture
def films(film, tmp_path):
    folder = tmp_path / "videos"
    film(folder / "mixed.mp4", [("red", 5), ("green", 5), ("blue", 5)])
    os.utime(folder / "mixed.mp4", (0, 0))  # no file that may be growing, for which a run waits
    return folder


def test_a_hit_has_the_borders_and_the_score_of_a_timeline(archive, films, film, tmp_path):
    archive.index([films])
    green = film(tmp_path / "green.mp4", [("green", 3)])
    for action in (
        Action("glowing", words=["something green"]),
        Action("glowing", words=["something green"], examples=[Example(green)]),
        Action("glowing", words=[], examples=[Example(green)], threshold=0.45),
        Action("glowing", words=["something green"], rivals=["something blue"]),
    ):
        [hit] = archive.search(action, threshold="auto")
        moments = archive.recognizer.timeline(films / "mixed.mp4", [action])
        assert moments
        best = max(moments, key=lambda moment: moment.score)
        assert (hit.start_seconds, hit.end_seconds) == (best.start_seconds, best.end_seconds)
        assert hit.score == pytest.approx(best.score, abs=1e-3)
        assert 4 < hit.start_seconds < hit.end_seconds < 11


def test_the_threshold_of_an_action_counts(archive, films):
    archive.index([films])
    assert not archive.search(Action("something green", threshold=1.0), threshold="auto")
    assert archive.search(Action("something green", threshold=1.0))


def test_an_action_has_its_own_examples_only(archive, films):
    archive.index([films])
    with pytest.raises(ValueError, match="like: the action 'green' has examples of its own"):
        archive.search(Action("green"), like=films / "mixed.mp4")
