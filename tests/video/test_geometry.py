"""Videos that are turned, mirrored, interlaced or of oblong pixels, read in every way."""

import shutil
import subprocess
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image, features

from actionclip.video import decode, live
from actionclip.video.connection import parse_address
from actionclip.video.decoder import Decoder, Limits

ONE = 1 << 16
MATRICES = {  # a, b, c, d: x' = a x + c y, y' = b x + d y
    "identity": (ONE, 0, 0, ONE),
    "turned by 90": (0, ONE, -ONE, 0),
    "turned by 180": (-ONE, 0, 0, -ONE),
    "turned by 270": (0, -ONE, ONE, 0),
    "mirrored left and right": (-ONE, 0, 0, ONE),
    "mirrored top and bottom": (ONE, 0, 0, -ONE),
    "transposed": (0, ONE, ONE, 0),
    "transposed about the other diagonal": (0, -ONE, -ONE, 0),
}
UPRIGHT = {
    "identity": lambda picture: picture,
    "turned by 90": lambda picture: picture[::-1].swapaxes(0, 1),
    "turned by 180": lambda picture: picture[::-1, ::-1],
    "turned by 270": lambda picture: picture.swapaxes(0, 1)[::-1],
    "mirrored left and right": lambda picture: picture[:, ::-1],
    "mirrored top and bottom": lambda picture: picture[::-1],
    "transposed": lambda picture: picture.swapaxes(0, 1),
    "transposed about the other diagonal": lambda picture: picture[::-1, ::-1].swapaxes(0, 1),
}
UPRIGHT_BY_EXIF = [
    "identity",
    "mirrored left and right",
    "turned by 180",
    "mirrored top and bottom",
    "transposed",
    "turned by 90",
    "transposed about the other diagonal",
    "turned by 270",
]
"""From orientation 1 on."""
ORIENTATION = 0x112
GREY = np.repeat(np.kron([[250, 20, 90], [60, 160, 200]], np.ones((24, 32))), 3)
PICTURE = GREY.reshape(48, 96, 3).astype(np.uint8)
"""Six grey fields: no turn or mirror image equals another."""


@pytest.fixture(scope="module")
def decoder():
    with Decoder() as decoder:
        yield decoder


def read_in_every_way(path, decoder, short_side=None):
    """The second frame, by name of the way to read it."""
    return {
        "by index": decode.read_frames(path, [1], short_side)[0],
        "by time": decode.read_frames_at(path, [0.04], short_side)[0],
        "streamed": list(decode.stream_frames(path, 25.0, short_side))[1][1],
        "in the limited process": decoder.read_frames(path, [1], short_side)[0],
        "live": live_frame(path, short_side),
    }


def live_frame(path, short_side):
    with path.open("rb") as file:
        address = parse_address(f"pipe:{file.fileno()}")
        steps = live.live_frames(address, 25.0, short_side, in_real_time=False, timeout_seconds=5.0)
        return next(frame for step, frame in steps if step == 1)


@pytest.mark.parametrize("name", MATRICES)
def test_the_display_matrix_is_applied_in_every_way_of_reading(name, tmp_path, write, decoder):
    path = write(tmp_path / "video.mp4", [PICTURE] * 3, matrix=MATRICES[name])
    expected = UPRIGHT[name](PICTURE)
    info = decode.probe(path)
    assert (info.height, info.width) == expected.shape[:2]
    for way, frame in read_in_every_way(path, decoder).items():
        assert frame.shape == expected.shape, way
        assert np.abs(frame.astype(int) - expected).mean() < 6, way


@pytest.mark.parametrize("name", ["turned by 90", "mirrored top and bottom", "transposed"])
def test_what_is_shown_is_what_ffmpeg_shows(name, tmp_path, write):
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")
    path = write(tmp_path / "video.mp4", [PICTURE] * 3, matrix=MATRICES[name])
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    shown = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.uint8)
    frames = decode.read_frames(path, range(3))
    assert np.abs(shown.reshape(frames.shape).astype(int) - frames).max() <= 2


EXIF = {name: number for number, name in enumerate(UPRIGHT_BY_EXIF, start=1)}


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif"])
@pytest.mark.parametrize("name", ["mirrored left and right", "transposed", "turned by 90"])
def test_the_orientation_of_a_photograph_is_applied(name, suffix, tmp_path):
    path = tmp_path / f"photograph{suffix}"
    if suffix == ".avif" and not features.check("avif"):
        pytest.skip("Pillow is built without AVIF")
    exif = Image.Exif()
    exif[ORIENTATION] = EXIF[name]
    Image.fromarray(PICTURE).save(path, exif=exif, quality=95)
    [frame] = decode.read_frames(path, [0])
    assert np.abs(frame - UPRIGHT[name](PICTURE).astype(int)).mean() < 2


@pytest.mark.parametrize(
    ("matrix", "name"),
    [
        ((65000, 8000, -8000, 65000), "identity"),
        ((-9000, 64900, -64900, -9000), "turned by 90"),
        ((9000, 64900, 64900, -9000), "transposed"),
        ((2 * ONE, 0, 0, -ONE), "mirrored top and bottom"),
        ((0, 0, 0, 0), "identity"),
        ((ONE, ONE, ONE, ONE), "identity"),
    ],
)
def test_other_angles_are_rounded_and_matrices_without_an_area_ignored(
    matrix, name, tmp_path, write
):
    path = write(tmp_path / "video.mp4", [PICTURE] * 3, matrix=matrix)
    [frame] = decode.read_frames(path, [1])
    expected = UPRIGHT[name](PICTURE)
    if matrix == (2 * ONE, 0, 0, -ONE):  # the demuxer makes oblong pixels of unequal scales
        frame = frame[:, ::2]
    assert frame.shape == expected.shape
    assert np.abs(frame.astype(int) - expected).mean() < 6


@pytest.mark.parametrize("name", ["identity", "turned by 90", "transposed"])
@pytest.mark.parametrize("aspect", [Fraction(4, 3), Fraction(1, 2)])
def test_oblong_pixels_are_stretched_before_the_picture_is_turned(
    name, aspect, tmp_path, write, decoder
):
    path = write(tmp_path / "video.mp4", [PICTURE] * 3, matrix=MATRICES[name], pixel_aspect=aspect)
    columns = (np.arange(int(96 * aspect)) / aspect).astype(int)
    expected = UPRIGHT[name](PICTURE[:, columns])
    info = decode.probe(path)
    assert (info.height, info.width) == expected.shape[:2]
    for way, frame in read_in_every_way(path, decoder).items():
        assert frame.shape == expected.shape, way
        assert np.abs(frame.astype(int) - expected).mean() < 8, way
    for way, frame in read_in_every_way(path, decoder, 24).items():
        short, long = sorted(expected.shape[:2])
        assert sorted(frame.shape[:2]) == [24, round(24 * long / short)], way


@pytest.mark.parametrize("aspect", [Fraction(1000), Fraction(1, 1000), Fraction(255, 2)])
def test_absurd_pixels_are_taken_as_square(aspect, tmp_path, write):
    path = write(tmp_path / "video.mp4", [PICTURE] * 3, pixel_aspect=aspect)
    assert (decode.probe(path).width, decode.probe(path).height) == (96, 48)


def test_stretched_pictures_count_as_large_as_they_are_shown(tmp_path, write):
    path = write(tmp_path / "video.mp4", [PICTURE] * 3, pixel_aspect=Fraction(8))
    with Decoder(Limits(pixels=128 * 96)) as decoder:
        assert decoder.read_frames(path, [1], short_side=16).shape == (1, 16, 256, 3)
        with pytest.raises(ValueError, match=r"pictures of 768×48 are over the limit"):
            decoder.read_frames(path, [1])


def test_the_pixels_of_the_container_have_priority_over_those_of_the_codec(tmp_path, write):
    path = write(tmp_path / "video.mp4", [PICTURE] * 3, pixel_aspect=Fraction(4, 3))
    content = path.read_bytes()
    at = content.index(b"pasp") + 4
    assert content[at : at + 8] == bytes([0, 0, 0, 4, 0, 0, 0, 3])
    path.write_bytes(content[:at] + bytes([0, 0, 0, 2, 0, 0, 0, 1]) + content[at + 8 :])
    assert decode.probe(path).width == 192


def interlaced(position):
    """A bright bar that has moved on in the lower field."""
    picture = np.full((96, 128, 3), 40, np.uint8)
    picture[0::2, position : position + 16] = 220
    picture[1::2, position + 10 : position + 26] = 220
    return picture


INTERLACED = {
    "h264.mp4": ("libx264", {"x264-params": "tff=1:qp=4"}),
    "h264.ts": ("libx264", {"x264-params": "tff=1:bframes=2:keyint=5:qp=4"}),
    "bottom first.mkv": ("libx264", {"x264-params": "bff=1:qp=4"}),
    "mpeg2.mpg": ("mpeg2video", {"flags": "+ildct+ilme", "qmax": "2", "g": "5"}),
}


@pytest.mark.parametrize("name", INTERLACED)
def test_interlaced_frames_lose_their_comb_however_they_are_read(name, tmp_path, write, decoder):
    codec, options = INTERLACED[name]
    pictures = [interlaced(4 * step) for step in range(16)]
    path = write(tmp_path / name, pictures, codec, options=options)
    frames = decode.read_frames(path, range(16))
    assert frames.shape == (16, 96, 128, 3)
    for step, frame in enumerate(frames):
        expected = np.repeat(pictures[step][0::2], 2, axis=0)
        assert np.abs(frame.astype(int) - expected).mean() < 6
        assert np.array_equal(decode.read_frames(path, [step])[0], frame)
    streamed = [frame for _, frame in decode.stream_frames(path, 25.0)]
    assert np.array_equal(streamed[:16], frames)
    for way, frame in read_in_every_way(path, decoder).items():
        assert np.array_equal(frame, frames[1]), way


def test_progressive_frames_are_not_touched(tmp_path, write):
    """A comb that nobody flags may be a picture of a comb."""
    path = write(tmp_path / "video.mp4", [interlaced(20)] * 3, options={"qp": "4"})
    [frame] = decode.read_frames(path, [1])
    assert np.abs(frame.astype(int) - interlaced(20)).mean() < 6
