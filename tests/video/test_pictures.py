import numpy as np
import pytest
from av import VideoFrame
from PIL import Image

from actionclip.video import decode, pictures, timetable
from actionclip.video.decoder import Decoder
from actionclip.video.pictures import read_picture
from actionclip.video.pixels import Geometry, ToRGB

MANY = 10_000
"""Pixels."""


@pytest.fixture(scope="module")
def decoder():
    with Decoder() as decoder:
        yield decoder


def seconds_of_frames(path):
    """When each frame comes on screen, from the first one on."""
    start, table = timetable.opening(path), timetable.read(path)
    return (table.ticks - start.first_tick) * float(start.seconds_per_tick)


def nearest(picture, frames):
    """The index of the frame that a picture is most like."""
    yuv = VideoFrame.from_ndarray(picture.planes, format="yuv420p")
    yuv.color_range, yuv.colorspace, *_ = picture.colours
    rgb = ToRGB(Geometry(yuv.width, yuv.height))(yuv).astype(int)
    return int(np.abs(frames[:, : yuv.height, : yuv.width] - rgb).mean(axis=(1, 2, 3)).argmin())


def test_a_part_has_the_pictures_that_are_on_screen_during_it(odd_file):
    starts = seconds_of_frames(odd_file)
    frames = decode.read_frames(odd_file, range(len(starts))).astype(int)
    begin = 0.31 * decode.probe(odd_file).duration_seconds
    end = begin + 0.5
    found = list(pictures.between(odd_file, begin, end))
    first = max(np.flatnonzero(starts <= begin + 0.0005))
    expected = [index for index in range(first, len(starts)) if starts[index] < end - 0.0005]
    assert [nearest(picture, frames) for picture in found] == expected
    seconds = [max(0, starts[index] - begin) for index in expected]
    assert [float(picture.seconds) for picture in found] == pytest.approx(seconds, abs=1e-6)


def test_a_part_within_one_frame_is_that_frame(tmp_path, write, noisy):
    path = write(tmp_path / "lapse.mkv", noisy(6), times=lambda index: 5000 * index)
    frames = decode.read_frames(path, range(6)).astype(int)
    for begin, end in [(11.0, 12.0), (10.0, 10.5), (14.5, 15.0)]:
        [picture] = pictures.between(path, begin, end)
        assert nearest(picture, frames) == 2
        assert picture.seconds == 0


def test_parts_that_follow_one_another_share_no_picture(tmp_path, write, noisy):
    path = write(tmp_path / "video.mkv", noisy(30), rate=30)  # times are rounded to milliseconds
    frames = decode.read_frames(path, range(30)).astype(int)
    shown = [
        nearest(picture, frames)
        for third in range(10)
        for picture in pictures.between(path, third / 10, (third + 1) / 10)
    ]
    assert shown == list(range(30))


def test_the_limited_process_gives_the_same_pictures(decoder, ordinary):
    here = list(pictures.between(ordinary, 0.5, 1.0))
    there = list(decoder.stream_pictures(ordinary, 0.5, 1.0))
    assert len(here) == len(there) == 13
    for one, other in zip(here, there, strict=True):
        assert np.array_equal(one.planes, other.planes)
        assert one.seconds == other.seconds
        assert one.geometry == other.geometry
        assert one.colours == other.colours


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_picture_is_what_pillow_makes_of_it(tmp_path, suffix, mode):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    path = tmp_path / f"img_00001.{suffix}"
    Image.fromarray(pixels).convert(mode).save(path)
    expected = np.asarray(Image.open(path).convert("RGB"))
    assert np.array_equal(read_picture(path, MANY), expected)


def test_a_missing_picture_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"img_00001\.jpg: no such file"):
        read_picture(tmp_path / "img_00001.jpg", MANY)


def test_what_is_no_whole_picture_is_one_line(tmp_path):
    whole = tmp_path / "whole.jpg"
    Image.new("RGB", (64, 64), "red").save(whole)
    for name, content in (
        ("text.jpg", b"no picture"),
        ("empty.jpg", b""),
        ("cut.jpg", whole.read_bytes()[:400]),
        ("vector.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name}: not a picture that can be read") as error:
            read_picture(path, MANY)
        assert "\n" not in str(error.value)


def test_a_picture_of_too_many_pixels_is_refused(tmp_path):
    path = tmp_path / "large.png"
    Image.new("RGB", (12, 20)).save(path)
    assert read_picture(path, 240).shape == (20, 12, 3)
    with pytest.raises(ValueError, match=r"large\.png: .*12.*20"):
        read_picture(path, 239)


def test_the_limited_process_reads_picture_files_too(decoder, tmp_path):
    path = tmp_path / "img_00001.jpg"
    Image.new("RGB", (32, 20), (9, 99, 199)).save(path)
    assert np.array_equal(decoder.read_picture(path), read_picture(path, MANY))
    path.write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"img_00001\.jpg: not a picture that can be read"):
        decoder.read_picture(path)
    with pytest.raises(FileNotFoundError, match=r"gone\.jpg: no such file"):
        decoder.read_picture(tmp_path / "gone.jpg")
