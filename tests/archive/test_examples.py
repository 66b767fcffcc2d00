"""Searching by clips, and by moments of indexed videos."""

import os
import re

import pytest
import torch

from actionclip.archive import examples
from actionclip.archive.archive import Archive
from actionclip.recognizer import Recognizer


def names(hits):
    """Of the files that are hits or copies of them."""
    return {path.name for hit in hits for path in (hit.video, *hit.copies)}


@pytest.fixture
def films(film, tmp_path):
    """Two of each colour, and one with all of them."""
    folder = tmp_path / "videos"
    for colour in ("red", "green", "blue"):
        for seconds in (4, 5):
            film(folder / f"{colour}{seconds}.mp4", [(colour, seconds)])
    film(folder / "all.mp4", [("red", 6), ("green", 6), ("blue", 6)])
    for path in folder.iterdir():
        os.utime(path, (0, 0))  # no file that may be growing, for which a run waits
    return folder


def test_a_clip_finds_what_is_like_it(archive, films):
    archive.index([films])
    hits = archive.search(like=films / "green4.mp4", threshold=0.5)
    assert names(hits) == {"green4.mp4", "green5.mp4", "all.mp4"}
    assert len(hits) == 1  # they show the same
    assert hits == archive.search(like=[films / "green4.mp4"], threshold=0.5)


def test_a_hit_is_an_example_and_decodes_nothing(archive, films, recognizer):
    archive.index([films])
    hit = archive.search("something blue")[0]
    for path in films.iterdir():
        path.write_bytes(b"")
    num_seen = recognizer.model.encoder.num_seen
    hits = archive.search(like=hit.example, threshold=0.5)
    assert names(hits) == {"blue4.mp4", "blue5.mp4", "all.mp4"}
    assert recognizer.model.encoder.num_seen == num_seen


def test_a_moment_found_by_an_example_has_borders(archive, film, tmp_path):
    video = film(tmp_path / "v" / "film.mp4", [("red", 6), ("green", 6), ("blue", 5)])
    archive.index([video])
    [hit] = archive.search(like=film(tmp_path / "green.mp4", [("green", 3)]), threshold=0.5)
    assert (hit.start_seconds, hit.end_seconds) == (6, 12)
    assert 0.5 < hit.score <= 1


def test_with_no_share_an_example_changes_nothing(archive, films):
    archive.index([films])
    words = archive.search("something red")
    assert archive.search("something red", like=films / "blue4.mp4", like_share=0.0) == words
    alone = archive.search(like=films / "blue4.mp4")
    assert archive.search("something red", like=films / "blue4.mp4", like_share=1.0) == alone


def test_examples_of_one_action_are_averaged(archive, films):
    archive.index([films])
    both = archive.search(like=[films / "red4.mp4", films / "blue4.mp4"])
    [alone] = archive.search(like=films / "red4.mp4", top=1)
    assert {"red4.mp4", "blue4.mp4"} <= names(both)
    assert both[0].score < alone.score


def test_without_words_an_example_does_not_find_them(archive, films):
    archive.index([films])
    for query in (None, "red or blue"):
        hits = archive.search(
            query, like=[films / "red4.mp4"], without=["something blue"], threshold=0.3
        )
        assert hits
        assert not names(hits) & {"blue4.mp4", "blue5.mp4"}


@pytest.mark.parametrize(
    ("example", "message"),
    [
        ("archive:0123@1-2", "no video of this name"),
        ("archive:{video}@3-99", "no part of the video, which has 18 seconds"),
        ("archive:{video}@5-5", "no part of the video"),
        ("archive:{video}@5", "write archive:ID@START-END"),
        ("archive:", "write archive:ID@START-END"),
        ("archive:x'; DROP@1-2", "write archive:ID@START-END"),
        ("", "the path is empty"),
    ],
)
def test_an_example_that_is_none_is_one_clear_line(archive, films, example, message):
    archive.index([films])
    video = next(file.video for file in archive.tables.files() if file.path.name == "all.mp4")
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        archive.search(like=example.format(video=video))
    assert "\n" not in str(raised.value)


def test_a_query_of_nothing_and_damaged_examples_are_refused(archive, films, tmp_path):
    archive.index([films])
    for nothing in ({}, {"text": ""}, {"like": []}, {"text": "  "}):
        with pytest.raises(ValueError, match=r"give an action|empty"):
            archive.search(**nothing)
    with pytest.raises(FileNotFoundError, match=r"absent\.mp4"):
        archive.search(like=tmp_path / "absent.mp4")
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"damaged\.mp4"):
        archive.search("red", like=damaged)
    with pytest.raises(ValueError, match=r"like_share: 2\.0"):
        archive.search("red", like=films / "red4.mp4", like_share=2.0)


def test_an_empty_archive_answers_an_example_with_nothing(archive, films):
    assert archive.search(like=films / "red4.mp4") == []


def test_the_embedding_of_a_moment_is_that_of_its_window(archive, films):
    archive.index([films])
    near = archive.tables.nearest(torch.tensor([1.0, 0.0, 0.0]), 1)[0]
    moment = f"archive:{near.video}@{near.start_seconds}-{near.end_seconds}"
    found = examples.read(archive.recognizer, archive.tables, [moment], 4.0)
    assert found is not None
    assert float(found.embeddings[0] @ near.embedding) == pytest.approx(1, abs=1e-3)


def test_a_fall_finds_other_falls(shared, tmp_path):
    folder = shared / "videos" / "falls"
    with Recognizer.load("lite") as recognizer:
        archive = Archive.open(tmp_path / "archive", recognizer)
        names = [f"falling_down/Subject_{name}.mp4" for name in ("1_Fall_13", "1_Fall_14")]
        others = ["reading/Subject_1_ADL_10.mp4", "sitting_and_eating/Subject_3_ADL_18.mp4"]
        others.append("squatting_up_and_down/Subject_3_ADL_07.mp4")
        archive.index([folder / name for name in [*names, *others]])
        hits = archive.search(like=folder / names[0])
    assert [hit.video for hit in hits[:2]] == [folder / name for name in names]
    assert hits[1].score > 2 * hits[2].score
