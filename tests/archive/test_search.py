"""Hits are the moments of a timeline."""

import itertools
import random

import pytest

from actionclip.archive.archive import Archive
from actionclip.recognizer import Recognizer


def moments(recognizer, video, words, threshold="auto", **options):
    found = recognizer.timeline(video, words, threshold=threshold, **options)
    return sorted(
        (video, moment.start_seconds, moment.end_seconds, moment.score)
        for moment in found
        if moment.label == words[0]
    )


def as_moments(hits):
    return sorted((hit.video, hit.start_seconds, hit.end_seconds, hit.score) for hit in hits)


@pytest.fixture
def long_film(film, tmp_path):
    """Three minutes of scenes of 3 to 20 seconds."""
    chance = random.Random(0)
    colours = [chance.choice(["red", "green", "blue", "still black"]) for _ in range(16)]
    scenes = [(colour, chance.choice([3.0, 5.25, 8.5, 20.125])) for colour in colours]
    return film(tmp_path / "videos" / "long.mp4", scenes)


@pytest.mark.parametrize("threshold", ["auto", 0.3, 0.8])
def test_hits_have_the_borders_and_scores_of_a_timeline(archive, recognizer, long_film, threshold):
    archive.index([long_film.parent])
    for colour in ("red", "green", "blue"):
        hits = archive.search(f"something {colour}", threshold=threshold, top=50)
        expected = moments(recognizer, long_film, [f"something {colour}"], threshold)
        assert as_moments(hits) == expected
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert len(hits) >= 2


def test_without_words_hits_are_those_of_labels_that_exclude_each_other(
    archive, recognizer, film, tmp_path
):
    video = film(tmp_path / "v" / "film.mp4", [("red", 6), ("green", 6), ("red", 5)])
    archive.index([video])
    words = ["red or green", "green"]
    hits = archive.search(words[0], without=words[1], threshold=0.3)
    assert as_moments(hits) == moments(recognizer, video, words, 0.3, exclusive=True)
    assert len(hits) == 2
    assert len(archive.search(words[0], threshold=0.3)) == 1


def test_weaker_hits_follow_unless_there_is_a_threshold(archive, recognizer, film, tmp_path):
    red = film(tmp_path / "v" / "red.mp4", [("red", 5)])
    blue = film(tmp_path / "v" / "blue.mp4", [("blue", 5)])
    archive.index([red.parent])
    strong, weak = archive.search("red")
    assert (strong.video, weak.video) == (red, blue)
    assert weak.score < 0.3 < strong.score
    assert archive.search("red", threshold="auto") == [strong]
    assert archive.search("red", top=1) == [strong]


def test_black_and_still_stretches_match_nothing(archive, film, tmp_path):
    folder = tmp_path / "v"
    film(folder / "black.mp4", [("black", 0.5), ("still black", 6)])
    film(folder / "still.mp4", [("still red", 7)])
    film(folder / "red.mp4", [("still black", 4), ("red", 5), ("still black", 4)])
    archive.index([folder])
    hits = archive.search("something red", threshold=0.3)
    assert [hit.video.name for hit in hits] == ["red.mp4"]
    assert 2 <= hits[0].start_seconds <= 4  # within a window's length
    assert 9 <= hits[0].end_seconds <= 11


def test_the_same_scene_in_two_files_is_one_hit(archive, film, tmp_path):
    folder = tmp_path / "v"
    film(folder / "one.mp4", [("green", 5), ("red", 5)])
    film(folder / "two.mp4", [("red", 5), ("blue", 4)])
    (folder / "three.mp4").write_bytes((folder / "two.mp4").read_bytes())
    archive.index([folder])
    [hit] = archive.search("something red", threshold=0.3)
    assert {hit.video, *hit.copies} == {folder / f"{name}.mp4" for name in ("one", "two", "three")}


def test_real_clips_have_the_moments_of_their_timelines(shared, tmp_path):
    folder = shared / "web-clips"
    names = ("riding_a_bicycle", "playing_guitar", "boxing")
    with Recognizer.load("lite") as recognizer:
        archive = Archive.open(tmp_path / "archive", recognizer)
        report = archive.index([folder / name for name in names])
        videos = [path for name in names for path in sorted((folder / name).iterdir())]
        assert report.indexed == len(videos) == 4
        for query, threshold in itertools.product(
            ("riding a bicycle", "playing guitar"), ("auto", 0.2)
        ):
            hits = archive.search(query, threshold=threshold)
            expected = [moments(recognizer, video, [query], threshold) for video in videos]
            assert as_moments(hits) == sorted(itertools.chain(*expected))
            assert query.split()[-1] in str(hits[0].video)
