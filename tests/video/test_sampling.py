import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionclip.video import sampling

NUM_FRAMES = st.integers(1, 5000)
NUM_SEGMENTS = st.integers(1, 64)


def official_middles(num_frames: int, num_segments: int) -> list[int]:
    """The official ActionCLIP code's test indices in floating point, with frames counted from 0."""
    if num_segments == 1:
        return [num_frames // 2]
    if num_frames <= num_segments:
        return [int(i * num_frames // num_segments) for i in range(num_segments)]
    to_middle = (num_frames / num_segments - 1) / 2.0
    return [int(i * num_frames / num_segments + to_middle) for i in range(num_segments)]


def official_segments(num_frames: int, num_segments: int) -> list[range]:
    """The frames from which the official ActionCLIP code draws one each for training."""
    bounds = [i * num_frames // num_segments for i in range(num_segments + 1)]
    return [range(bounds[i], bounds[i + 1]) for i in range(num_segments)]


@pytest.mark.parametrize("num_segments", [1, 8, 16, 32])
def test_middles_are_those_of_the_official_code(num_segments):
    for num_frames in range(1, 301):
        expected = official_middles(num_frames, num_segments)
        assert sampling.segment_middles(num_frames, num_segments).tolist() == expected


@pytest.mark.parametrize(
    ("num_frames", "num_segments", "expected"),
    [
        (16, 8, [0, 2, 4, 6, 8, 10, 12, 14]),  # the middle of two frames is rounded down
        (24, 8, [1, 4, 7, 10, 13, 16, 19, 22]),
        (8, 8, [0, 1, 2, 3, 4, 5, 6, 7]),
        (9, 8, [0, 1, 2, 3, 4, 5, 6, 7]),  # 0.0625 + 1.125 i
        (5, 8, [0, 0, 1, 1, 2, 3, 3, 4]),
        (1, 8, [0, 0, 0, 0, 0, 0, 0, 0]),
        (300, 8, [18, 55, 93, 130, 168, 205, 243, 280]),  # 18.25 + 37.5 i
        (7, 1, [3]),
    ],
)
def test_middles_worked_out_by_hand(num_frames, num_segments, expected):
    assert sampling.segment_middles(num_frames, num_segments).tolist() == expected


@given(NUM_FRAMES, NUM_SEGMENTS)
def test_middles_stay_inside_the_video_and_do_not_go_back(num_frames, num_segments):
    indices = sampling.segment_middles(num_frames, num_segments)
    assert len(indices) == num_segments
    assert indices.min() >= 0
    assert indices.max() < num_frames
    assert (np.diff(indices) >= 0).all()


@given(NUM_FRAMES, NUM_SEGMENTS, st.integers(0, 100))
def test_random_indices_stay_inside_the_video_and_do_not_go_back(num_frames, num_segments, seed):
    indices = sampling.random_in_segments(num_frames, num_segments, np.random.default_rng(seed))
    assert len(indices) == num_segments
    assert indices.min() >= 0
    assert indices.max() < num_frames
    assert (np.diff(indices) >= 0).all()


@pytest.mark.parametrize("num_segments", [8, 16, 32])
def test_random_indices_come_from_the_official_segments_and_reach_all_of_each(num_segments):
    generator = np.random.default_rng(0)
    for num_frames in (num_segments + 1, 2 * num_segments + 3, 3 * num_segments):
        drawn = np.stack(
            [sampling.random_in_segments(num_frames, num_segments, generator) for _ in range(200)]
        )
        for place, segment in enumerate(official_segments(num_frames, num_segments)):
            assert set(drawn[:, place]) == set(segment)


def test_random_indices_of_a_long_video_stay_in_their_segments():
    generator = np.random.default_rng(0)
    for num_frames in range(33, 301):
        indices = sampling.random_in_segments(num_frames, 32, generator)
        segments = official_segments(num_frames, 32)
        assert all(i in segment for i, segment in zip(indices, segments, strict=True))


@pytest.mark.parametrize("num_frames", range(1, 9))
def test_random_indices_of_a_short_video_hold_every_frame(num_frames):
    indices = sampling.random_in_segments(num_frames, 8, np.random.default_rng(3))
    assert set(indices) == set(range(num_frames))


def test_the_same_seed_draws_the_same_indices():
    first, second = (
        sampling.random_in_segments(300, 8, np.random.default_rng(7)) for _ in range(2)
    )
    assert first.tolist() == second.tolist()


@given(NUM_FRAMES, NUM_SEGMENTS, st.integers(1, 10))
def test_windows_by_segments_stay_inside_the_video_and_do_not_go_back(length, segments, windows):
    indices = sampling.segment_windows(length, segments, windows)
    assert indices.shape == (windows, segments)
    assert indices.min() >= 0
    assert indices.max() < length
    assert (np.diff(indices, axis=0) >= 0).all()
    assert (np.diff(indices, axis=1) >= 0).all()


@given(NUM_FRAMES, st.integers(2, 64))
def test_one_window_or_the_middle_one_of_three_has_the_middles(num_frames, num_segments):
    middles = sampling.segment_middles(num_frames, num_segments).tolist()
    assert sampling.segment_windows(num_frames, num_segments, 1).tolist() == [middles]
    assert sampling.segment_windows(num_frames, num_segments, 3)[1].tolist() == middles


def test_windows_by_segments_worked_out_by_hand():
    # Places 1/6, 3/6 and 5/6 of segments of 12 frames, less half a frame.
    expected = [[1, 13, 25], [5, 17, 29], [9, 21, 33]]
    assert sampling.segment_windows(36, 3, 3).tolist() == expected


@given(NUM_FRAMES, st.integers(1, 32), st.integers(1, 8), st.integers(0, 100))
def test_a_random_dense_window_steps_evenly_and_stays_inside(num_frames, length, stride, seed):
    indices = sampling.random_dense(num_frames, length, stride, np.random.default_rng(seed))
    assert len(indices) == length
    assert indices.min() >= 0
    assert indices.max() < num_frames
    if (length - 1) * stride < num_frames:
        assert (np.diff(indices) == stride).all()
    else:
        assert indices[0] == 0


def test_random_dense_windows_reach_both_ends():
    generator = np.random.default_rng(0)
    starts = {int(sampling.random_dense(12, 4, 2, generator)[0]) for _ in range(200)}
    assert starts == set(range(6))


@given(NUM_FRAMES, st.integers(1, 32), st.integers(1, 8), st.integers(1, 10))
def test_dense_windows_step_evenly_from_the_start_to_the_end(num_frames, length, stride, windows):
    indices = sampling.dense(num_frames, length, stride, windows)
    assert indices.shape == (windows, length)
    assert indices.min() >= 0
    assert indices.max() < num_frames
    if (length - 1) * stride < num_frames:
        assert (np.diff(indices, axis=1) == stride).all()
        if windows > 1:
            assert indices[0, 0] == 0
            assert indices[-1, -1] == num_frames - 1
            gaps = np.diff(indices[:, 0])
            assert gaps.max() - gaps.min() <= 1


def test_a_single_dense_window_is_in_the_middle():
    assert sampling.dense(20, 4, 2).tolist() == [[6, 8, 10, 12]]


def test_a_dense_window_that_is_too_long_stays_on_the_last_frame():
    assert sampling.dense(3, 5, 1).tolist() == [[0, 1, 2, 2, 2]]
