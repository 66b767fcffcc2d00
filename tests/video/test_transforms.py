import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from actionclip.video import decode, transforms


@pytest.fixture
def frames():
    """Three frames of smooth colours, 80 x 60."""
    y, x = np.mgrid[0:60, 0:80]
    picture = np.stack([3 * x, 4 * y, x + y], axis=-1).astype(np.uint8)  # (H, W, 3)
    return np.stack([picture, picture[::-1], picture[:, ::-1]])


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 40))
def test_the_short_side_is_scaled_and_the_aspect_kept(height, width, short_side):
    resized = transforms.resize_short_side(np.zeros((1, height, width, 3), np.uint8), short_side)
    new_height, new_width = resized.shape[1:3]
    assert min(new_height, new_width) == short_side
    assert abs(new_width / new_height - width / height) <= max(1, width / height) / short_side


def test_frames_of_the_right_size_are_left_alone(frames):
    assert transforms.resize_short_side(frames, 60) is frames


def test_scaling_down_averages_what_it_covers():
    stripes = np.zeros((1, 64, 64, 3), np.uint8)
    stripes[:, :, ::2] = 255
    small = transforms.resize_short_side(stripes, 16)
    assert np.abs(small[:, :, 2:-2].astype(int) - 127).max() <= 2


def test_scaling_keeps_each_frame_apart(frames):
    together = transforms.resize_short_side(frames, 30)
    alone = [transforms.resize_short_side(frame[None], 30)[0] for frame in frames]
    assert np.array_equal(together, alone)


def test_the_decoder_and_the_array_path_scale_alike(moving_square):
    scaled_by_decoder = decode.read_frames(moving_square, [0, 7, 19], short_side=48)
    scaled_after = transforms.resize_short_side(decode.read_frames(moving_square, [0, 7, 19]), 48)
    assert np.abs(scaled_by_decoder.astype(int) - scaled_after).max() <= 3


def test_the_centre_crop_is_the_middle(frames):
    assert np.array_equal(transforms.centre_crop(frames, 40), frames[:, 10:50, 20:60])


def test_three_crops_go_along_the_long_side(frames):
    left, centre, right = transforms.three_crops(frames, 60)
    assert np.array_equal(left, frames[:, :, :60])
    assert np.array_equal(centre, frames[:, :, 10:70])
    assert np.array_equal(right, frames[:, :, 20:])
    upright = frames.transpose(0, 2, 1, 3)
    top, _, bottom = transforms.three_crops(upright, 60)
    assert np.array_equal(top, upright[:, :60])
    assert np.array_equal(bottom, upright[:, 20:])


def test_a_crop_larger_than_the_frames_is_refused(frames):
    with pytest.raises(ValueError, match="80x60"):
        transforms.centre_crop(frames, 61)


def test_a_clip_is_float_between_0_and_1_channels_first(frames):
    clip = transforms.to_clip(frames)
    assert clip.shape == (3, 3, 60, 80)
    assert clip.dtype == torch.float32
    assert torch.equal(
        (clip * 255).round().to(torch.uint8), torch.tensor(frames).permute(0, 3, 1, 2)
    )


@pytest.mark.parametrize("size", [(60, 80), (80, 60), (33, 200), (5, 3)])
def test_the_clip_for_testing_is_square_whatever_the_frames(size):
    clip = transforms.test_clip(np.full((2, *size, 3), 255, np.uint8), 32, 28)
    assert clip.shape == (2, 3, 28, 28)
    assert clip.min() > 0.99


def test_sizes_and_offsets_of_the_official_resize_and_crop(shared):
    rows = np.load(shared / "golden" / "official_recipe.npz")["crop"].tolist()
    for width, height, scaled_width, scaled_height, left, top in rows:
        place = np.arange(width, dtype=np.float32) / width * 255
        frame = np.broadcast_to(place[None, :, None], (height, width, 3)).astype(np.uint8)
        scaled = transforms.resize_short_side_bicubic(frame[None], 256)
        assert scaled.shape[1:3] == (scaled_height, scaled_width)
        numbers = np.arange(scaled_height * scaled_width, dtype=np.int64)
        numbered = numbers.reshape(scaled_height, scaled_width)[None, :, :, None].repeat(3, -1)
        low = (numbered % 256).astype(np.uint8)
        cropped = transforms.centre_crop(low, 224, round)
        assert np.array_equal(cropped, low[:, top : top + 224, left : left + 224])


@pytest.mark.parametrize("size", [(60, 80), (80, 60), (31, 47)])
def test_bicubic_scaling_is_that_of_pillow(size):
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    height, width = size
    scaled = (24, int(24 * height / width)) if width < height else (int(24 * width / height), 24)
    expected = np.asarray(Image.fromarray(frame).resize(scaled, Image.Resampling.BICUBIC))
    assert np.array_equal(transforms.resize_short_side_bicubic(frame[None], 24)[0], expected)


def test_bicubic_scaling_leaves_frames_of_the_right_size_alone(frames):
    assert transforms.resize_short_side_bicubic(frames, 60) is frames


def test_a_crop_between_two_pixels_takes_the_even_one_or_the_first(frames):
    wide = np.concatenate([frames, frames[:, :, :3]], axis=2)  # 83 wide: 11.5 beside a crop of 60
    assert np.array_equal(transforms.centre_crop(wide, 60), wide[:, :, 11:71])
    assert np.array_equal(transforms.centre_crop(wide, 60, round), wide[:, :, 12:72])
