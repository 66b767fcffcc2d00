import json

import pytest
from rich.console import Console

from actionclip.data import check


def shown(report: check.CheckReport) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(check.render(report))
    return captured.get()


@pytest.fixture
def good(tmp_path, place_videos):
    """Four different videos in two splits."""
    place_videos("train/run/a.mp4", "train/jump/b.mp4", "test/run/c.mp4", "test/jump/d.mp4")
    for number, path in enumerate(sorted(tmp_path.rglob("*.mp4"))):
        with path.open("ab") as file:
            file.write(b"\0\0\0\x0cfree" + number.to_bytes(4))  # changes the content, not the video
    return tmp_path


def test_good_data_is_counted_and_found_good(good):
    seen = []
    report = check.check(good, progress=lambda done, total: seen.append((done, total)))
    assert report.ok
    assert report.counts == {"jump": {"test": 1, "train": 1}, "run": {"test": 1, "train": 1}}
    assert report.splits == {"train": 2, "test": 2}
    assert report.durations == check.Durations(2.0, 2.0, 2.0, 8.0)
    assert report.sizes == {"128x96": 4}
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert "Nothing here would break a training." in shown(report)


def test_a_video_that_cannot_be_read_is_named_with_the_reason(good):
    broken = good / "train" / "run" / "broken.mp4"
    broken.write_bytes(b"no video")
    report = check.check(good)
    assert not report.ok
    assert list(report.unreadable) == [str(broken)]
    assert "a text file, not a video" in report.unreadable[str(broken)]
    assert "Correct what is listed above" in shown(report)


def test_the_same_content_in_two_splits_is_found_under_any_name(good):
    (good / "test" / "run" / "other.mp4").write_bytes((good / "train/run/a.mp4").read_bytes())
    (good / "train" / "run" / "again.mp4").write_bytes((good / "train/run/a.mp4").read_bytes())
    report = check.check(good)
    assert not report.ok
    assert report.duplicates == [
        [
            f"{good / 'test/run/other.mp4'} (test)",
            f"{good / 'train/run/a.mp4'} (train)",
            f"{good / 'train/run/again.mp4'} (train)",
        ]
    ]


def test_labels_that_nearly_repeat_each_other_are_named_and_allowed(good, place_videos):
    (good / "train" / "run").rename(good / "train" / "running")
    report = check.check(good)
    assert report.similar_labels == [("run", "running")]
    assert report.ok
    assert "run · running" in shown(report)


def test_mistakes_are_told_and_the_rest_is_still_looked_at(place_videos, write):
    place_videos("a.mp4")
    path = write("clips.csv", "path,label\na.mp4,run\nb.mp4,run\n")
    report = check.check(path)
    assert not report.ok
    assert report.problems == [
        f"{path}:3: there is no video at 'b.mp4' in {path.parent}; correct or remove the row"
    ]
    assert report.sizes == {"128x96": 1}


def test_a_file_that_is_no_table_is_a_mistake_like_others(tmp_path):
    path = tmp_path / "clips.csv"
    path.write_bytes(b"path,label\na.mp4,caf\xe9\n")
    [problem] = check.check(path).problems
    assert "clips.csv:2: not UTF-8 text" in problem


def test_frames_that_are_not_as_the_list_says_are_named(tmp_path, place_frames, write):
    place_frames("a", "img_{:05d}.jpg")
    place_frames("b", "img_{:05d}.jpg", num_frames=4)
    write("labels.txt", "run\n")
    report = check.check(write("train_list.txt", "a 5 0\nb 5 0\n"))
    assert list(report.unreadable) == [str(tmp_path / "b")]
    assert "4 frames" in report.unreadable[str(tmp_path / "b")]
    assert report.durations is None


def test_json_holds_the_whole_report(good):
    report = check.check(good)
    document = json.loads(report.to_json())
    assert document["ok"] is True
    assert document["counts"]["run"] == {"test": 1, "train": 1}
    assert document["unreadable"] == {}


def test_real_clips_are_clean(shared, write):
    manifest = (shared / "videos" / "manifest.csv").read_text()
    notes = manifest.replace("seconds,source,licence", "#seconds,#source,#licence", 1)
    report = check.check(write("clips.csv", notes), videos=shared / "videos")
    assert report.ok, shown(report)
    assert sum(report.splits.values()) == 86


@pytest.mark.parametrize("name", ["weizmann", "falls", "mixed"])
def test_real_folders_are_clean(shared, name):
    report = check.check(shared / "videos" / name)
    assert report.ok, shown(report)
