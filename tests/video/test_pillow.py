import contextlib

import numpy as np
import pytest
from PIL import Image

from actionclip.video.decoder import Decoder
from actionclip.video.pillow import read_picture

MANY = 10_000


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


def test_the_limited_process_reads_it_too(tmp_path):
    path = tmp_path / "img_00001.jpg"
    Image.new("RGB", (32, 20), (9, 99, 199)).save(path)
    with contextlib.closing(Decoder()) as decoder:
        assert np.array_equal(decoder.read_picture(path), read_picture(path, MANY))
        path.write_bytes(b"no picture")
        with pytest.raises(ValueError, match=r"img_00001\.jpg: not a picture that can be read"):
            decoder.read_picture(path)
        with pytest.raises(FileNotFoundError, match=r"gone\.jpg: no such file"):
            decoder.read_picture(tmp_path / "gone.jpg")
