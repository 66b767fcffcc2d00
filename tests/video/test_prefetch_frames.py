import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from actionclip.video import decode, sampling
from actionclip.video.decoder import Decoder, VideoInfo, prefetch_frames


def middles(info: VideoInfo) -> np.ndarray:
    return sampling.segment_middles(info.num_frames, 4)


@pytest.fixture
def many(moving_square: Path, tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.mp4" for number in range(7)]
    for path in paths:
        os.link(moving_square, path)
    paths[3].unlink()
    paths[3].write_bytes(b"not a video")
    return paths


@pytest.fixture
def decoders() -> Iterator[list[Decoder]]:
    with Decoder() as one, Decoder() as other:
        yield [one, other]


@pytest.mark.parametrize("num_decoders", [1, 2])
def test_videos_come_in_their_order_and_a_damaged_one_says_what_is_wrong(
    many, decoders, num_decoders
):
    found = list(prefetch_frames(many, middles, 48, decoders[:num_decoders]))
    assert [path for path, _ in found] == many
    expected = decode.read_frames(many[0], middles(decode.probe(many[0])), 48)
    for place, (path, frames) in enumerate(found):
        if place == 3:
            assert isinstance(frames, ValueError)
            assert str(path) in str(frames)
        else:
            np.testing.assert_array_equal(frames, expected)


def test_no_more_is_read_ahead_than_a_few(many, decoders):
    asked = []

    def videos():
        for path in many:
            asked.append(path)
            yield path

    reading = prefetch_frames(videos(), middles, 48, decoders[:1])
    next(reading)
    assert len(asked) <= 3
    reading.close()


def test_whoever_stops_early_leaves_no_thread_behind(many, decoders):
    reading = prefetch_frames(many, middles, 48, decoders)
    next(reading)
    reading.close()
    assert not [thread for thread in threading.enumerate() if "Executor" in thread.name]
