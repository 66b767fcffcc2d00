import numpy as np
import pytest
from av import VideoFrame

from actionclip.video import decode, pictures, timetable
from actionclip.video.decoder import Decoder
from actionclip.video.pixels import Geometry, ToRGB


@pytest.fixture(scope="module")
def decoder():
    with Decoder() as decoder:
        yield decoder


def seconds_of_frames(path):
    """When each frame comes on screen, from the first one on."""
    start, table = timetable.opening(path), timetable.timetable(path)
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
