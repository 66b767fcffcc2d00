import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange

from actionclip.video.pixels import Geometry, ToRGB

BT709, UNNAMED, BT470BG, SMPTE170M, BT2020 = 1, 2, 5, 6, 9
"""How a picture names the matrix between its colours and RGB (AVColorSpace)."""
WEIGHTS = {  # of red and blue in the luma
    BT709: (0.2126, 0.0722),
    UNNAMED: (0.299, 0.114),
    BT470BG: (0.299, 0.114),
    SMPTE170M: (0.299, 0.114),
    BT2020: (0.2627, 0.0593),
}


def rgb_by_the_book(luma, blue, red, colorspace, is_full_range):
    """ITU-R BT.601, 709 and 2020 all say the same with other weights."""
    red_weight, blue_weight = WEIGHTS[colorspace]
    if is_full_range:
        y, cb, cr = luma / 255, (blue - 128) / 255, (red - 128) / 255
    else:
        y, cb, cr = (luma - 16) / 219, (blue - 128) / 224, (red - 128) / 224
    r = y + 2 * (1 - red_weight) * cr
    b = y + 2 * (1 - blue_weight) * cb
    g = (y - red_weight * r - blue_weight * b) / (1 - red_weight - blue_weight)
    return np.clip(np.round(255 * np.array([r, g, b])), 0, 255)


@pytest.mark.parametrize("colorspace", WEIGHTS)
@pytest.mark.parametrize("color_range", [ColorRange.UNSPECIFIED, ColorRange.MPEG, ColorRange.JPEG])
def test_colours_are_those_of_the_standard_that_the_picture_names(colorspace, color_range):
    for colour in [(81, 90, 240), (145, 54, 34), (41, 240, 110), (120, 128, 128), (60, 160, 100)]:
        picture = av.VideoFrame(64, 48, "yuv420p")
        for plane, value in zip(picture.planes, colour, strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        picture.colorspace, picture.color_range = colorspace, color_range
        expected = rgb_by_the_book(*colour, colorspace, color_range == ColorRange.JPEG)
        for size in [(64, 48), (32, 24)]:
            assert np.abs(ToRGB(Geometry(*size))(picture) - expected).max() <= 1


def test_turns_go_counterclockwise():
    rgb = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
    assert np.array_equal(ToRGB(Geometry(3, 2, quarter_turns=1))(picture), np.rot90(rgb))
    assert np.array_equal(ToRGB(Geometry(3, 2, quarter_turns=3))(picture), np.rot90(rgb, -1))


def test_pictures_that_change_size_on_the_way_come_out_alike():
    to_rgb = ToRGB(Geometry(32, 24))
    large, small = (av.VideoFrame.from_ndarray(np.full((n, n, 3), 7, np.uint8)) for n in (64, 16))
    assert to_rgb(large).shape == to_rgb(small).shape == (24, 32, 3)
