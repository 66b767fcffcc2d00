import logging
import subprocess
import sys

import pytest
import torch

from actionclip.data import loading, reading
from actionclip.data.clips import Sampling
from actionclip.data.dataset import Cropped, TestViews, TrainingClips
from actionclip.data.loading import Loader


@pytest.fixture
def folder(tmp_path, place_videos):
    place_videos(*(f"{label}/{i}.mp4" for label in ("run", "jump") for i in range(4)))
    return tmp_path


def clips(folder) -> TrainingClips:
    return TrainingClips(reading.read(folder), Sampling(2), Cropped(32), short_side=48)


def test_every_example_comes_once_and_the_last_batch_may_be_smaller(folder):
    views = TestViews(reading.read(folder), Sampling(2), 36, 32)
    batches = list(Loader(views).read(loading.split(range(8), 3, 2, 100)))
    assert [len(batch.examples) for batch in batches] == [3, 3, 2]
    assert torch.cat([batch.examples for batch in batches]).tolist() == list(range(8))
    assert batches[0].clips.shape == (3, 1, 2, 3, 32, 32)


def test_the_number_of_workers_changes_nothing(folder):
    keys = [[(3, 11), (0, 12)], [(1, 13)]]
    alone = list(Loader(clips(folder)).read(keys))
    helped = list(Loader(clips(folder), num_workers=2).read(keys))
    for here, there in zip(alone, helped, strict=True):
        assert all(torch.equal(*pair) for pair in zip(here, there, strict=True))


def test_workers_that_stay_read_the_next_pass(folder):
    dataset = clips(folder)
    loader = Loader(dataset, num_workers=1)
    [first] = loader.read([[(0, 1), (1, 1)]])
    [again] = loader.read([[(0, 2), (1, 2)]])
    assert not torch.equal(again.clips, first.clips)
    [alone] = Loader(dataset).read([[(0, 2), (1, 2)]])
    assert torch.equal(again.clips, alone.clips)


def test_a_damaged_video_is_left_out_named_and_counted_once(folder, caplog):
    (folder / "run" / "2.mp4").write_bytes(b"broken")
    dataset = clips(folder)
    loader = Loader(dataset, damaged_limit=0.2)
    batches = loading.split([(place, 0) for place in range(8)], 2, 2, 100)
    with caplog.at_level(logging.WARNING):
        sizes = [len(batch.examples) for _ in range(2) for batch in loader.read(batches)]
    assert sorted(sizes) == [1, 1, 2, 2, 2, 2, 2, 2]
    assert caplog.text.count("2.mp4 is left out") == 1
    [damaged] = loader.damaged
    assert dataset.annotations.examples[damaged].video == folder / "run" / "2.mp4"


def test_how_far_keyframes_are_from_the_wanted_frames_is_told_once(folder, caplog):
    views = TestViews(reading.read(folder), Sampling(2, "keyframes"), 48, 32)
    loader, batches = Loader(views), loading.split(range(8), 3, 2, 100)
    with caplog.at_level(logging.WARNING):
        list(loader.read(batches))
        list(loader.read(batches))
    # The only keyframe is at 0 s, wanted are frames 4 and 14 of 10 a second.
    assert caplog.text.count("0.90 s from them on average, 1.40 s at most, over 8 clips") == 1
    assert max(longest for _, longest in loader.time_errors) == pytest.approx(1.4)


def test_how_far_keyframes_are_is_told_before_a_long_pass_ends(folder, caplog, monkeypatch):
    monkeypatch.setattr(loading, "CLIPS_BEFORE_REPORT", 4)
    views = TestViews(reading.read(folder), Sampling(2, "keyframes"), 48, 32)
    next(Loader(views).read(loading.split(range(8), 4, 2, 100)))
    assert "over 4 clips" in caplog.text


def test_nothing_is_told_of_keyframes_where_the_wanted_frames_are_read(folder, caplog):
    views = TestViews(reading.read(folder), Sampling(2), 48, 32)
    list(Loader(views).read(loading.split(range(8), 4, 2, 100)))
    assert "keyframes" not in caplog.text


def test_too_many_damaged_videos_stop_the_run(folder):
    for number in range(3):
        (folder / "run" / f"{number}.mp4").write_bytes(b"broken")
    loader = Loader(clips(folder), damaged_limit=0.3)
    with pytest.raises(ValueError, match="3 of 8 videos cannot be read, more than 30%"):
        list(loader.read([[(place, 0)] for place in range(8)]))


FEW_FILES = """
import resource, sys
from pathlib import Path
from actionclip.data import loading, reading
from actionclip.data.clips import Sampling
from actionclip.data.dataset import TestViews
from actionclip.data.loading import Loader

resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
views = TestViews(reading.read(Path(sys.argv[1])), Sampling(2), 36, 32)
batches = Loader(views, num_workers=2).read([list(range(24)), list(range(24, 48))])
print([len(batch.examples) for batch in batches])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere tensors are sent in another way")
def test_open_files_do_not_grow_with_the_batch_and_the_workers(tmp_path, place_videos):
    place_videos(*(f"{label}/{i}.mp4" for label in ("run", "jump") for i in range(24)))
    command = [sys.executable, "-c", FEW_FILES, str(tmp_path)]
    program = subprocess.run(command, capture_output=True, text=True, check=False)
    assert program.stdout == "[24, 24]\n", program.stderr


def test_a_batch_is_bounded_in_clips_and_in_frames_but_holds_one_clip_at_least():
    assert loading.split(range(5), 2, frames_per_sample=8, max_frames=100) == [[0, 1], [2, 3], [4]]
    assert loading.split(range(5), 16, frames_per_sample=32, max_frames=100) == [[0, 1, 2], [3, 4]]
    assert loading.split(range(2), 16, frames_per_sample=10 * 3 * 32, max_frames=100) == [[0], [1]]


def test_batches_that_are_read_in_chunks_are_the_same(folder, monkeypatch):
    keys = [[(place, place) for place in range(7)], [(7, 7)]]
    whole = list(Loader(clips(folder)).read(keys))
    monkeypatch.setattr(loading, "CHUNK_FRAMES", 4)  # two clips
    for one, other in zip(whole, Loader(clips(folder)).read(keys), strict=True):
        assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))


def test_pixels_are_sent_as_bytes_where_they_are_not_augmented(folder):
    [batch] = Loader(clips(folder)).read([[(0, 0), (1, 0)]])
    assert batch.clips.dtype == torch.uint8
