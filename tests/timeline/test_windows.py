import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionclip.timeline import windows

lengths_of_windows = st.lists(st.integers(1, 12), min_size=1, max_size=3)


def all_windows(num_slots: int, lengths: list[int]) -> list[windows.Window]:
    """Let a scene grow and end."""
    growing = [window for n in range(num_slots) for window in windows.ending_with(n + 1, lengths)]
    return growing + windows.at_the_end(num_slots, lengths)


def test_the_examples_hold():
    assert doctest.testmod(windows).failed == 0


@given(num_slots=st.integers(1, 40), lengths=lengths_of_windows)
def test_every_slot_is_seen_by_every_length(num_slots, lengths):
    for length in lengths:
        found = all_windows(num_slots, [length])
        assert {slot for start, end in found for slot in range(start, end)} == set(range(num_slots))


@given(num_slots=st.integers(1, 40), length=st.integers(1, 12))
def test_no_window_is_seen_twice_or_is_longer_than_it_may_be(num_slots, length):
    found = all_windows(num_slots, [length])
    assert len(set(found)) == len(found)
    for start, end in found:
        assert 0 <= start < end <= num_slots
        assert min(num_slots, length / 2) <= end - start <= length


@given(num_slots=st.integers(1, 40), length=st.integers(1, 12))
def test_a_scene_backwards_has_the_same_windows_backwards(num_slots, length):
    found = set(all_windows(num_slots, [length]))
    assert {(num_slots - end, num_slots - start) for start, end in found} == found


@pytest.mark.parametrize("num_frames", [1, 3, 8])
def test_the_steps_of_a_clip_lie_in_its_window(num_frames):
    steps = windows.clip_steps(5, 8, num_frames)
    assert len(steps) == num_frames
    assert min(steps) >= 5
    assert max(steps) < 8
