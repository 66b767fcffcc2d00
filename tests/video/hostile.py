"""A seed becomes a folder of 200 files that no video reader should be given, all named like videos.

Small clips are damaged by chance (most of the files), and some files are made to hurt: pictures of
absurd size, times years apart, streams without end, playlists that name other files, devices.
`python tests/video/hostile.py FOLDER` writes them there.
"""

import itertools
import os
import random
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

NUM_FILES = 200
ENDLESS = 2**36
"""Bytes of the files that hold nothing but zeros after their beginning; they take no space."""

CLIPS = {
    "mp4": ("libx264", "yuv420p", {"x264-params": "keyint=8:bframes=2:scenecut=0"}),
    "mkv": ("libx264", "yuv420p", {"preset": "ultrafast"}),
    "webm": ("libvpx-vp9", "yuv420p", {"deadline": "realtime", "cpu-used": "8"}),
    "avi": ("mpeg4", "yuv420p", {"g": "8"}),
    "ts": ("mpeg2video", "yuv420p", {"g": "8", "bf": "2"}),
    "mpg": ("mpeg1video", "yuv420p", {"g": "8"}),
    "flv": ("flv1", "yuv420p", {}),
    "mov": ("mjpeg", "yuvj420p", {}),
    "gif": ("gif", "rgb8", {}),
    "h264": ("libx264", "yuv420p", {"preset": "ultrafast"}),
}


def make(folder: Path, seed: int = 0) -> list[Path]:
    """Write the files into an empty folder; the same seed gives the same files."""
    generator = random.Random(seed)
    clips = {ending: encode(folder / f"clip.{ending}", ending) for ending in CLIPS}
    paths = [*devices(folder), *endless(folder, clips), *odd_times(folder), *sizes(folder)]
    contents = itertools.chain(
        absurd_headers(clips), playlists(), strangers(clips, generator), damaged(clips, generator)
    )
    for name, content in itertools.islice(contents, NUM_FILES - len(paths)):
        path = folder / name
        path.write_bytes(content)
        paths.append(path)
    return paths


def encode(
    path: Path,
    ending: str,
    size: tuple[int, int] = (64, 48),
    milliseconds: Callable[[int], int] = lambda index: 40 * index,
) -> bytes:
    """Write 24 noisy frames; say when each is shown."""
    codec, pixel_format, options = CLIPS[ending]
    noise = np.random.default_rng(0).integers(0, 255, (24, size[1], size[0], 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        is_timed = ending in ("mkv", "mp4")
        if is_timed:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index, picture in enumerate(noise):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if is_timed:
                frame.pts, frame.time_base = milliseconds(index), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path.read_bytes()


def devices(folder: Path) -> Iterator[Path]:
    """What is no file at all."""
    os.mkfifo(folder / "pipe.mp4")
    (folder / "folder.mp4").mkdir()
    (folder / "zeros.mp4").symlink_to("/dev/zero")
    (folder / "chance.mkv").symlink_to("/dev/urandom")
    (folder / "nowhere.mp4").symlink_to(folder / "missing")
    (folder / "circle.mp4").symlink_to(folder / "circle.mp4")
    for name in ("pipe.mp4", "folder.mp4", "zeros.mp4", "chance.mkv", "nowhere.mp4", "circle.mp4"):
        yield folder / name
    yield folder / "missing.mp4"


def endless(folder: Path, clips: dict[str, bytes]) -> Iterator[Path]:
    """Beginnings of videos that go on for 64 GiB."""
    for ending in ("h264", "mpg", "ts", "avi", "gif"):
        path = folder / f"endless.{ending}"
        path.write_bytes(clips[ending])
        os.truncate(path, ENDLESS)
        yield path
    path = folder / "long.h264"
    path.write_bytes(clips["h264"] * 100)
    yield path


def odd_times(folder: Path) -> Iterator[Path]:
    """Frames that are shown hours, years and ages apart."""
    hour = 3_600_000
    for name, gap in (
        ("hours apart.mp4", hour),
        ("hours apart.mkv", hour),
        ("years apart.mkv", 24 * 365 * hour),
        ("ages apart.mkv", 24 * 365_000 * hour),
    ):
        encode(folder / name, name[-3:], milliseconds=lambda i, gap=gap: i // 8 * gap + 40 * i)
        yield folder / name
    for name, milliseconds in (("late", 2**40), ("early", -(2**40))):
        path = folder / f"{name}.mkv"
        encode(path, "mkv", milliseconds=lambda index, start=milliseconds: start + 40 * index)
        yield path


def sizes(folder: Path) -> Iterator[Path]:
    """Pictures that change size midway, or would be enormous once their short side is scaled."""
    small, large = folder / "small.h264", folder / "large.h264"
    content = encode(small, "h264") + encode(large, "h264", (1280, 720)) + encode(small, "h264")
    for ending in ("h264", "mp4"):
        path = folder / f"changing.{ending}"
        path.write_bytes(content)
        yield path
    narrow = folder / "narrow.gif"
    encode(narrow, "gif", (4000, 2))
    yield narrow


def absurd_headers(clips: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Headers that promise what nobody can hold."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    for side in (2500, 20_000, 2**31 - 1):
        rows = zlib.compress(bytes(1 + 3 * side) * side, 9) if side == 2500 else b""
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        parts = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
        yield f"bomb {side}.png", b"\x89PNG\r\n\x1a\n" + parts
    yield "wide.gif", clips["gif"][:6] + b"\xff\xff\xff\xff" + clips["gif"][10:]
    yield "wide.ppm", b"P6 60000 60000 255\n" + bytes(1000)
    yield (
        "wide.bmp",
        b"BM" + struct.pack("<IIIIiiHHIIiiII", 99, 0, 54, 40, *[50_000] * 2, *[1, 24], *[0] * 6),
    )
    yield "wide.y4m", b"YUV4MPEG2 W30000 H30000 F25:1\nFRAME\n" + bytes(10_000)
    boxes = ("stts", "stsz", "stsc", "stco", "ctts", "stss", "mdhd", "mvhd", "tkhd", "avc1", "elst")
    for box in boxes:  # counts, scales and sizes, all ones
        place = clips["mp4"].find(box.encode())
        for start, end in ((8, 12), (12, 20), (20, 36)):
            content = bytearray(clips["mp4"])
            content[place + start : place + end] = b"\x7f" + b"\xff" * (end - start - 1)
            yield f"{box} {start}.mp4", bytes(content)
    for field, start in (("scale", 20), ("rate", 24), ("length", 32)):
        for value in (0, 2**32 - 1):
            content = bytearray(clips["avi"])
            place = content.find(b"vids") + start
            content[place : place + 4] = struct.pack("<I", value)
            yield f"{field} {value}.avi", bytes(content)


def playlists() -> Iterator[tuple[str, bytes]]:
    """Lists that name other files, here and elsewhere, and one another."""
    web = "http://localhost:9/video.mp4"
    for number, target in enumerate(("/etc/passwd", "file:/dev/zero", web, "list0.mp4")):
        segments = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n"
        yield f"list{number}.mp4", f"ffconcat version 1.0\nfile '{target}'\n".encode()
        yield f"list{number}.m3u8", segments.encode()
        yield f"segments{number}.mp4", segments.encode()
    yield "call.mp4", b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n"
    yield "dash.mp4", f"<?xml version='1.0'?><MPD><BaseURL>{web}</BaseURL></MPD>".encode()


def strangers(clips: dict[str, bytes], generator: random.Random) -> Iterator[tuple[str, bytes]]:
    """Other things than their names say."""
    for ending, other in itertools.pairwise(clips):
        yield f"really {ending}.{other}", clips[ending]
        yield f"{ending} and {other}.{ending}", clips[ending] + clips[other]
    for ending in ("mp4", "avi", "mkv", "gif", "ts"):
        yield f"random.{ending}", generator.randbytes(20_000)
        yield f"random after the beginning.{ending}", clips[ending][:64] + generator.randbytes(9000)
    yield "empty.mp4", b""
    yield "one byte.mp4", b"\0"
    yield "zeros only.mp4", bytes(100_000)
    yield "page.mp4", b"<!doctype html><title>404</title>"
    yield "words.mkv", b"1\n00:00:00,000 --> 99:59:59,999\nWords.\n"
    yield "program.avi", Path(sys.executable).read_bytes()[:50_000]


def damaged(clips: dict[str, bytes], generator: random.Random) -> Iterator[tuple[str, bytes]]:
    """Clips with flipped bits, cut, overwritten, shuffled and doubled in places; without end."""
    kinds = (flip_bits, flip_bits_at_start, cut, overwrite, shuffle, double)
    for number in itertools.count():
        for ending, clip in clips.items():
            kind = kinds[generator.randrange(len(kinds))]
            yield f"{number} {kind.__name__}.{ending}", kind(bytearray(clip), generator)


def flip_bits(content: bytearray, generator: random.Random) -> bytes:
    for _ in range(generator.choice((1, 10, 100, 1000))):
        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
    return bytes(content)


def flip_bits_at_start(content: bytearray, generator: random.Random) -> bytes:
    for _ in range(generator.choice((1, 4, 16))):
        content[generator.randrange(8, 600)] ^= 1 << generator.randrange(8)
    return bytes(content)


def cut(content: bytearray, generator: random.Random) -> bytes:
    return bytes(content[: generator.randrange(1, len(content))])


def overwrite(content: bytearray, generator: random.Random) -> bytes:
    start, length = generator.randrange(len(content)), generator.randrange(1, len(content) // 2)
    content[start : start + length] = generator.choice((b"\0", b"\xff")) * length
    return bytes(content)


def shuffle(content: bytearray, generator: random.Random) -> bytes:
    blocks = [content[start : start + 512] for start in range(0, len(content), 512)]
    generator.shuffle(blocks)
    return b"".join(blocks)


def double(content: bytearray, generator: random.Random) -> bytes:
    start, end = sorted(generator.randrange(len(content)) for _ in range(2))
    return bytes(content[:end] + content[start:])


if __name__ == "__main__":
    make(Path(sys.argv[1]))
