import random

import numpy as np
import pytest
import torch
from PIL import Image

from actionclip.data import official_augmentation
from actionclip.data.official_augmentation import OPERATIONS, OfficialAugmentation


class Scripted(random.Random):
    """Draws what it is told to."""

    def __init__(self, share: float) -> None:
        super().__init__(0)
        self.share = share

    def random(self) -> float:
        return self.share

    def uniform(self, a: float, b: float) -> float:
        return a + self.share * (b - a)


@pytest.fixture
def golden(shared):
    return np.load(shared / "golden" / "official_recipe.npz")


@pytest.fixture
def frames() -> np.ndarray:
    """Four times the same frame (T, H, W, 3), smooth, red on the right and green below."""
    y, x = np.mgrid[0:48, 0:64]
    frame = np.stack([4 * x, 5 * y, 40 + x + y], axis=-1).astype(np.uint8)
    return np.stack([frame] * 4)


def test_there_are_the_sixteen_operations_of_the_official_code(golden):
    names = {name.rpartition("_")[0] for name in golden.files if "_" in name}
    assert names == OPERATIONS.keys()
    assert len(OPERATIONS) == 16


@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - {"CutoutAbs"}))
def test_an_operation_gives_what_the_official_code_gives_for_either_sign(golden, name):
    image = Image.fromarray(golden["image"])
    # The first of a pair was drawn negative.
    for place, share in enumerate((0.9, 0.1)[: 1 + OPERATIONS[name].is_signed]):
        ours = np.asarray(OPERATIONS[name].apply(image, Scripted(share)))
        assert np.array_equal(ours, golden[f"{name}_{place}"])


def painted(image: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Give the colours of the changed pixels, and the box around them."""
    rows, columns = np.nonzero((image != before).any(axis=-1))
    box = (int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max()))
    return np.unique(image[rows, columns], axis=0), box


@pytest.mark.parametrize("place", [0, 1])
def test_cutout_paints_the_same_square_as_the_official_code_elsewhere(golden, place):
    before = golden["image"]
    ours = np.asarray(OPERATIONS["CutoutAbs"].apply(Image.fromarray(before), Scripted(0.5)))
    colours, (left, top, right, bottom) = painted(ours, before)
    expected_colours, (left_there, top_there, right_there, bottom_there) = painted(
        golden[f"CutoutAbs_{place}"], before
    )
    assert np.array_equal(colours, expected_colours)
    assert (right - left, bottom - top) == (right_there - left_there, bottom_there - top_there)
    assert (left, top) == (26, 18)  # the middle of 64 x 48, less 6


def test_a_square_at_the_start_is_moved_into_the_frame_and_one_at_the_end_is_cut_off(frames):
    image = Image.fromarray(frames[0])
    for share, box in ((0.0, (0, 0, 12, 12)), (0.999, (57, 41, 63, 47))):
        ours = np.asarray(OPERATIONS["CutoutAbs"].apply(image, Scripted(share)))
        assert painted(ours, frames[0])[1] == box


def test_operations_are_drawn_with_replacement_and_equally_often(monkeypatch, frames):
    drawn = []
    monkeypatch.setattr(
        official_augmentation.Operation,
        "apply",
        lambda self, image, rng: drawn.append(self) or image,
    )
    rng = random.Random(0)
    for _ in range(800):
        official_augmentation.randaugment(Image.fromarray(frames[0]), rng)
    assert len(drawn) == 1600
    assert sum(one is other for one, other in zip(drawn[::2], drawn[1::2], strict=True)) > 20
    counts = [sum(one is operation for one in drawn) for operation in OPERATIONS.values()]
    assert min(counts) > 70  # 100 expected
    assert max(counts) < 130


def test_each_frame_is_drawn_by_itself_but_cropped_as_the_others(frames):
    flickers = [
        any((frame != clip[0]).any() for frame in clip[1:])
        for clip in (OfficialAugmentation(32)(frames, seed, True) for seed in range(10))
    ]
    assert sum(flickers) >= 9
    still = OfficialAugmentation(32, with_randaugment=False)
    calm = [still(frames, seed, True) for seed in range(40)]
    same = sum(all(torch.equal(frame, clip[0]) for frame in clip[1:]) for clip in calm)
    assert 2 < same < 16  # the fifth that is not jittered


def test_every_fifth_clip_is_grey_as_a_whole(frames):
    augment = OfficialAugmentation(32, with_randaugment=False)
    num_grey = 0
    for seed in range(200):
        is_grey = [
            torch.equal(f[0], f[1]) and torch.equal(f[1], f[2]) for f in augment(frames, seed, True)
        ]
        assert len(set(is_grey)) == 1
        num_grey += is_grey[0]
    assert 22 < num_grey < 60


def test_every_second_clip_is_mirrored_unless_that_is_another_action(frames):
    augment = OfficialAugmentation(32, with_randaugment=False)
    mirrored = 0
    for seed in range(60):
        kept, free = (augment(frames, seed, mirror).float() for mirror in (False, True))
        assert kept[0, 0, :, -1].mean() > kept[0, 0, :, 0].mean()
        if not torch.equal(kept, free):
            assert torch.equal(free.flip(-1), kept)
            mirrored += 1
    assert 18 < mirrored < 42


def test_a_clip_depends_on_its_seed_alone(frames):
    augment = OfficialAugmentation(32)
    first = augment(frames, 5, True)
    random.seed(1)
    np.random.seed(1)
    assert torch.equal(augment(frames, 5, True), first)
    assert not torch.equal(augment(frames, 6, True), first)
    assert (first.shape, first.dtype) == ((4, 3, 32, 32), torch.uint8)


@pytest.mark.parametrize("turns", [0.1, -0.1, 0.0])
def test_hue_turns_by_whole_steps_towards_zero(turns):
    image = Image.new("RGB", (1, 1), (255, 0, 0))
    hue, *_ = official_augmentation.turn_hue(image, turns).convert("HSV").getpixel((0, 0))
    assert abs((hue - int(turns * 255) + 128) % 256 - 128) <= 1
