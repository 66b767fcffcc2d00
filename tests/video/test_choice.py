"""Files with several streams of pictures: the video is green, the others are red."""

from dataclasses import dataclass

import av
import numpy as np
import pytest
from av.stream import Disposition

from actionclip.video import decode, live
from actionclip.video.connection import parse_address

RED, GREEN = (255, 0, 0), (0, 255, 0)
NO_FLAG = Disposition(0)


@dataclass
class Stream:
    """One stream to write."""

    colour: tuple[int, int, int]
    size: tuple[int, int] = (64, 48)
    num_frames: int = 30
    disposition: Disposition = Disposition.default
    codec: str = "libx264"


def write(path, *streams):
    with av.open(str(path), "w") as container:
        written = [container.add_stream(stream.codec, rate=10) for stream in streams]
        for stream, given in zip(written, streams, strict=True):
            stream.width, stream.height = given.size
            stream.pix_fmt = "yuvj420p" if given.codec == "mjpeg" else "yuv420p"
            stream.disposition = given.disposition
        for index in range(max(stream.num_frames for stream in streams)):
            for stream, given in zip(written, streams, strict=True):
                if index < given.num_frames:
                    picture = np.full((*given.size[::-1], 3), given.colour, np.uint8)
                    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                    frame.pts = index
                    container.mux(stream.encode(frame))
        for stream in written:
            container.mux(stream.encode())
    return path


def is_green(frame):
    return np.abs(frame.mean(axis=(0, 1)) - GREEN).max() < 12


LARGE = (128, 96)
FILES = {
    "a thumbnail first.mp4": [Stream(RED, num_frames=1, codec="mjpeg"), Stream(GREEN)],
    "a large picture first, which is the default.mkv": [
        Stream(RED, LARGE, num_frames=1, codec="mjpeg"),
        Stream(GREEN, disposition=NO_FLAG),
    ],
    "one frame first.ts": [Stream(RED, LARGE, num_frames=1), Stream(GREEN)],
    "a strip of thumbnails first.mp4": [
        Stream(RED, LARGE, disposition=Disposition.timed_thumbnails),
        Stream(GREEN),
    ],
    "a cover first.mkv": [
        Stream(RED, LARGE, num_frames=1, codec="mjpeg", disposition=Disposition.attached_pic),
        Stream(GREEN),
    ],
    "the second is the default.mkv": [
        Stream(RED, LARGE, disposition=NO_FLAG),
        Stream(GREEN),
    ],
    "the second is enabled.mp4": [Stream(RED, LARGE, disposition=NO_FLAG), Stream(GREEN)],
    "the second is larger.ts": [Stream(RED), Stream(GREEN, LARGE)],
    "the second is larger.mkv": [Stream(RED), Stream(GREEN, LARGE)],
    "the second is longer.mp4": [Stream(RED, num_frames=20), Stream(GREEN)],
    "the second is longer.mkv": [Stream(RED, num_frames=20), Stream(GREEN)],
    "the second is longer.avi": [
        Stream(RED, num_frames=20, codec="mjpeg"),
        Stream(GREEN, codec="mjpeg"),
    ],
    "both are alike.mp4": [Stream(GREEN), Stream(RED)],
    "both are alike.mkv": [Stream(GREEN), Stream(RED)],
}


@pytest.mark.parametrize("name", FILES)
def test_the_stream_that_players_show_is_read(name, tmp_path):
    path = write(tmp_path / name, *FILES[name])
    green = next(stream for stream in FILES[name] if stream.colour == GREEN)
    info = decode.probe(path)
    assert (info.width, info.height) == green.size
    assert info.num_frames == green.num_frames
    assert is_green(decode.read_frames(path, [2])[0])
    assert is_green(decode.read_frames_at(path, [1.5])[0])
    assert all(is_green(frame) for _, frame in decode.stream_frames(path, 10.0))


FILES_TO_PIPE = [name for name in FILES if name.endswith((".ts", ".mkv")) and "longer" not in name]
"""How long a stream is stands at the end of a file."""


@pytest.mark.parametrize("name", FILES_TO_PIPE)
def test_the_stream_that_players_show_is_read_from_a_pipe(name, tmp_path):
    path = write(tmp_path / name, *FILES[name])
    with path.open("rb") as file:
        steps = live.live_frames(
            parse_address(f"pipe:{file.fileno()}"),
            10.0,
            None,
            in_real_time=False,
            timeout_seconds=5.0,
        )
        shown = [is_green(frame) for _, frame in steps]
    assert len(shown) == 30
    assert all(shown)


def test_a_stream_of_an_unknown_codec_is_passed_over(tmp_path):
    path = write(tmp_path / "video.mp4", Stream(RED, LARGE), Stream(GREEN))
    content = bytearray(path.read_bytes())
    at = content.index(b"stsd") + 16
    assert content[at : at + 4] == b"avc1"
    content[at : at + 4] = b"none"
    path.write_bytes(content)
    assert is_green(decode.read_frames(path, [2])[0])


def test_a_stream_that_gives_no_frame_is_passed_over(tmp_path):
    path = write(tmp_path / "video.mkv", Stream(RED, LARGE), Stream(GREEN))
    with av.open(str(path)) as container:
        packets = [(p.stream_index, bytes(p)) for p in container.demux() if p.size]
    content = path.read_bytes()
    for index, packet in packets:
        if index == 0:
            content = content.replace(packet, bytes(len(packet)))
    path.write_bytes(content)
    assert is_green(decode.read_frames(path, [2])[0])


def test_an_animated_avif_is_its_sequence_and_not_its_still(tmp_path):
    path = tmp_path / "video.avif"
    with av.open(str(path), "w", format="avif") as container:
        stream = container.add_stream("libsvtav1", rate=10, options={"preset": "12"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(6):
            picture = np.full((64, 64, 3), GREEN, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    assert decode.probe(path).num_frames == 6
