from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionclip.data import clips
from actionclip.data.annotations import Example, FrameFolder
from actionclip.data.clips import Sampling
from actionclip.video import decode, sampling

LENGTHS = st.integers(1, 300)
NUM_FRAMES = st.sampled_from([1, 8, 16, 32])
KINDS = st.sampled_from(["segments", "dense", "keyframes"])


@given(LENGTHS, NUM_FRAMES)
def test_one_window_by_segments_is_that_of_the_official_test(length, num_frames):
    [window] = Sampling(num_frames).windows(length, 1)
    assert window.tolist() == sampling.segment_middles(length, num_frames).tolist()


@given(LENGTHS, NUM_FRAMES, KINDS, st.integers(1, 10), st.integers(1, 8))
def test_windows_lie_in_the_video_and_go_forward(length, num_frames, kind, num_windows, stride):
    windows = Sampling(num_frames, kind, stride).windows(length, num_windows)
    assert windows.shape == (num_windows, num_frames)
    assert windows.min() >= 0
    assert windows.max() < length
    assert (np.diff(windows, axis=1) >= 0).all()
    assert (np.diff(windows, axis=0) >= 0).all()


@given(LENGTHS, NUM_FRAMES, KINDS, st.integers(1, 8), st.integers(0, 100))
def test_random_frames_lie_in_the_video_and_go_forward(length, num_frames, kind, stride, seed):
    frames = Sampling(num_frames, kind, stride).random(length, np.random.default_rng(seed))
    assert frames.shape == (num_frames,)
    assert frames.min() >= 0
    assert frames.max() < length
    assert (np.diff(frames) >= 0).all()


def test_dense_frames_lie_a_stride_apart_and_windows_are_spread():
    windows = Sampling(4, "dense", 2).windows(100, 3)
    assert (np.diff(windows, axis=1) == 2).all()
    assert windows[:, 0].tolist() == [0, 46, 93]


def part(video: Path, start=None, end=None) -> Example:
    return Example(video, ("run",), "train", "here", start_seconds=start, end_seconds=end)


@pytest.mark.parametrize(
    ("start", "end", "span"),
    [
        (None, None, range(20)),
        (0.5, None, range(5, 20)),
        (None, 0.5, range(5)),
        (0.55, 0.92, range(5, 10)),
        (1.95, 2.5, range(19, 20)),
        (0.0, 0.01, range(1)),
    ],
)
def test_a_part_of_a_video_is_the_frames_that_touch_it(moving_square, start, end, span):
    assert clips.span(part(moving_square, start, end)) == span


@pytest.fixture(scope="module")
def uneven(tmp_path_factory) -> Path:
    """Ten frames a second for two seconds, then one a second until second 10."""
    path = tmp_path_factory.mktemp("uneven") / "uneven.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(28):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 9 * number, np.uint8))
            milliseconds = 100 * number if number < 20 else 2000 + 1000 * (number - 20)
            frame.pts, frame.time_base = milliseconds, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("start", "end", "span"),
    [
        (2.0, 8.0, range(20, 26)),  # by the average rate it would be 5 to 23
        (2.5, 3.5, range(20, 22)),
        (0.3, 0.3, range(3, 4)),
        (9.2, 99.0, range(27, 28)),
        (5.0, None, range(23, 28)),
        (None, 1.0, range(10)),
    ],
)
def test_times_of_a_part_are_those_of_an_uneven_video(uneven, start, end, span):
    assert clips.span(part(uneven, start, end)) == span


def test_the_wanted_frames_are_given_unless_only_keyframes_are_read(moving_square):
    wanted = np.array([2, 9])
    numbers, seconds = clips.nearest(part(moving_square), wanted, Sampling(2))
    assert numbers.tolist() == [2, 9]
    assert seconds.tolist() == [0, 0]
    numbers, seconds = clips.nearest(part(moving_square), wanted, Sampling(2, "keyframes"))
    assert numbers.tolist() == [0, 0]  # the only keyframe of the video
    assert seconds == pytest.approx([0.2, 0.9])


def test_each_extracted_frame_is_a_keyframe(tmp_path):
    naming = FrameFolder("img_{:05d}.png", 1, 20)
    extracted = Example(tmp_path, ("run",), "train", "here", frames=naming)
    numbers, seconds = clips.nearest(extracted, np.array([2, 9]), Sampling(2, "keyframes"))
    assert numbers.tolist() == [2, 9]
    assert seconds.tolist() == [0, 0]


def test_extracted_frames_give_the_clip_of_the_video(moving_square, place_frames, tmp_path):
    place_frames("frames", "img_{:05d}.png", first=1, num_frames=20)
    naming = FrameFolder("img_{:05d}.png", 1, 20)
    extracted = Example(tmp_path / "frames", ("run",), "train", "here", frames=naming)
    numbers = np.array([0, 7, 7, 19])
    of_video = clips.read(part(moving_square), numbers, 96).astype(int)
    of_frames = clips.read(extracted, numbers, 96).astype(int)
    assert clips.span(extracted) == range(20)
    assert np.abs(of_frames - of_video).mean() < 2
    assert (of_video == decode.read_frames(moving_square, numbers, 96)).all()


def test_a_picture_that_is_gone_is_named(place_frames, tmp_path):
    place_frames("frames", "img_{:d}.png")
    example = Example(
        tmp_path / "frames", ("run",), "train", "here", frames=FrameFolder("img_{:d}.png", 1, 9)
    )
    with pytest.raises(FileNotFoundError, match=r"img_9\.png: no such file"):
        clips.read(example, np.array([8]), 96)
