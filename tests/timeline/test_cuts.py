import torch

from actionclip.timeline.cuts import CutDetector


def cuts(*frames: list[float]) -> list[int]:
    detector = CutDetector()
    return [number for number, frame in enumerate(frames) if detector.is_cut(torch.tensor(frame))]


STILL, OTHER, BETWEEN = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.8, 0.0]


def test_another_picture_is_a_cut_and_the_first_is_none():
    assert cuts(STILL, STILL, OTHER, OTHER, STILL) == [2, 4]


def test_brightness_and_small_changes_are_none():
    assert cuts(STILL, [0.2, 0.0, 0.0], BETWEEN, STILL) == []


def test_what_never_rests_has_no_cuts_but_perhaps_the_first():
    restless = torch.eye(12) + 0.4 * torch.eye(12).roll(1, dims=1)
    assert len(cuts(*restless.tolist())) <= 1
