"""Counts of slots become windows, and windows become the steps of a clip: arithmetic only.

A scene is a run of steps without a gap and without a change of shot; no window leaves it. At its
beginning and at its end stand shorter windows, down to half a length, so that the first and the
last slots are not only seen together with what is far from them; a scene that is shorter still is
one window. All numbers count from the beginning of the scene.

Shapes:
    T: frames of a clip
"""

from __future__ import annotations

from collections.abc import Sequence

from actionclip.video import sampling

Window = tuple[int, int]
"""First slot, and the slot after the last."""


def ending_with(num_slots: int, lengths: Sequence[int]) -> list[Window]:
    """Give the windows that are complete as soon as a scene has this many slots.

    >>> ending_with(3, lengths=[2, 4, 8])
    [(1, 3), (0, 3)]
    """
    return [
        (max(0, num_slots - length), num_slots) for length in lengths if 2 * num_slots >= length
    ]


def at_the_end(num_slots: int, lengths: Sequence[int]) -> list[Window]:
    """Give the windows that are complete only because a scene ends after this many slots.

    >>> at_the_end(6, lengths=[2, 4])
    [(5, 6), (3, 6), (4, 6)]
    >>> at_the_end(1, lengths=[4])
    [(0, 1)]
    """
    windows: list[Window] = []
    for length in lengths:
        if 2 * num_slots < length:
            windows.append((0, num_slots))
        starts = range(max(0, num_slots - length) + 1, num_slots)
        windows += [(start, num_slots) for start in starts if 2 * (num_slots - start) >= length]
    return windows


def clip_steps(first_step: int, end_step: int, num_frames: int) -> list[int]:
    """Give the steps of a window that make its clip; a short window gives some repeatedly.

    >>> clip_steps(10, 18, num_frames=4)
    [10, 12, 14, 16]
    """
    middles = sampling.segment_middles(end_step - first_step, num_frames)
    return [first_step + int(middle) for middle in middles]
