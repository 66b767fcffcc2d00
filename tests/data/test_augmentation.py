import pickle

import pytest
import torch
from torch.nn import functional as F

from actionclip.data import augmentation
from actionclip.data.augmentation import Augmentation

SIZE = 32
SEEDS = range(20)


@pytest.fixture(scope="module")
def still_clip() -> torch.Tensor:
    """Four times the same frame (T, 3, H, W), smooth, so that scaling does not change it much."""
    rows, columns = torch.linspace(0.2, 0.8, 48), torch.linspace(0.1, 0.9, 64)
    frame = torch.stack(
        [rows[:, None].expand(48, 64), columns.expand(48, 64), rows[:, None] * columns]
    )
    return frame.expand(4, 3, 48, 64).contiguous()


def without_colours(*, randaugment: bool = False) -> Augmentation:
    shapes_only = Augmentation(SIZE, randaugment=randaugment)
    shapes_only.colours = torch.nn.Identity()
    return shapes_only


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_moves_in_a_clip_where_nothing_moved(still_clip, seed):
    first, *others = Augmentation(SIZE).augment_clip(still_clip, seed)
    for frame in others:
        torch.testing.assert_close(frame, first, rtol=0, atol=0)


@pytest.mark.parametrize("seed", SEEDS)
def test_pixels_stay_between_black_and_white(seed):
    clip = torch.rand(2, 3, 48, 64, generator=torch.Generator().manual_seed(seed)).round()
    augmented = Augmentation(SIZE).augment_clip(clip, seed)
    assert augmented.shape == (2, 3, SIZE, SIZE)
    assert augmented.min() >= 0
    assert augmented.max() <= 1


def test_a_clip_depends_on_its_own_seed_and_on_nothing_else(still_clip):
    augment = Augmentation(SIZE)
    alone = augment.augment_clip(still_clip, seed=5)
    torch.manual_seed(99)
    augment.augment_clip(still_clip, seed=1)
    torch.testing.assert_close(augment.augment_clip(still_clip, 5), alone, rtol=0, atol=0)
    other_process = pickle.loads(pickle.dumps(augment))
    torch.testing.assert_close(other_process.augment_clip(still_clip, 5), alone, rtol=0, atol=0)


def test_other_seeds_change_a_clip_in_other_ways(still_clip):
    augment = Augmentation(SIZE)
    assert len({augment.augment_clip(still_clip, seed).sum().item() for seed in range(8)}) == 8


def test_the_global_generator_is_left_where_it_was(still_clip):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    Augmentation(SIZE).augment_clip(still_clip, seed=1)
    torch.testing.assert_close(torch.rand(3), expected)


def is_mirrored(clip: torch.Tensor) -> bool:
    """Say whether green, which grows to the right in `still_clip`, grows to the left."""
    return bool(clip[0, 1, :, -1].mean() < clip[0, 1, :, 0].mean())


def test_every_second_clip_is_mirrored_and_nothing_else_depends_on_it(still_clip):
    augment = without_colours()
    mirrored = 0
    for seed in range(100):
        kept = augment.augment_clip(still_clip, seed, mirror=False)
        free = augment.augment_clip(still_clip, seed)
        assert not is_mirrored(kept)
        mirrored += is_mirrored(free)
        torch.testing.assert_close(free.flip(-1) if is_mirrored(free) else free, kept)
    assert 35 < mirrored < 65


def test_without_a_mirror_left_stays_left_whatever_else_is_drawn(still_clip):
    augment = Augmentation(SIZE)
    augment.randaugment = None  # it may invert what is dark and what is light
    assert not any(is_mirrored(augment.augment_clip(still_clip, s, mirror=False)) for s in SEEDS)


def test_crops_have_ten_shapes_and_lie_in_thirteen_places():
    crops = augmentation.crops(height=256, width=340, size=224)
    assert len(crops) == 130
    assert {crop[2:] for crop in crops} == {
        *((256, 256), (256, 224), (224, 256), (224, 224), (224, 192)),
        *((192, 224), (192, 192), (192, 168), (168, 192), (168, 168)),
    }
    assert [crop[:2] for crop in crops if crop[2:] == (192, 192)] == [
        *((0, 0), (0, 148), (64, 0), (64, 148), (32, 74)),
        *((32, 0), (32, 148), (64, 74), (0, 74)),
        *((16, 37), (16, 111), (48, 37), (48, 111)),
    ]


def test_a_clip_is_cut_to_one_of_the_crops_and_scaled(still_clip):
    augment = without_colours()
    possible = [
        F.interpolate(
            still_clip[..., top : top + high, left : left + wide],
            (SIZE, SIZE),
            mode="bilinear",
            antialias=True,
        )
        for top, left, high, wide in augmentation.crops(48, 64, SIZE)
    ]
    drawn = set()
    for seed in SEEDS:
        cropped = augment.augment_clip(still_clip, seed, mirror=False)
        drawn |= {i for i, crop in enumerate(possible) if torch.equal(crop, cropped)}
    assert len(drawn) > len(SEEDS) / 2


def test_a_side_close_to_the_models_is_taken_as_it_is():
    assert {crop[2] for crop in augmentation.crops(height=34, width=34, size=32)} == {
        32,
        29,
        25,
        22,
    }


def test_one_clip_in_five_is_grey_and_one_in_six_keeps_its_colours():
    clip = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    augment = Augmentation(SIZE, randaugment=False)
    num_grey = num_kept = 0
    for seed in range(400):
        torch.manual_seed(seed)
        red, green, blue = augment.colours(clip)[0]
        num_grey += torch.equal(red, green) and torch.equal(green, blue)
        num_kept += torch.equal(torch.stack([red, green, blue]), clip[0])
    assert 55 < num_grey < 105  # 0.2 of 400
    assert 42 < num_kept < 86  # 0.2 unjittered times 0.8 not grey: 0.16 of 400


def test_randaugment_changes_every_clip_and_can_be_left_out(still_clip):
    with_it, without = without_colours(randaugment=True), without_colours()
    for seed in SEEDS:
        changed = with_it.augment_clip(still_clip, seed, mirror=False)
        same_as_crop = [
            torch.equal(changed, without.augment_clip(still_clip, other, mirror=False))
            for other in range(5)
        ]
        assert not any(same_as_crop)
