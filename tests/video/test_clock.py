"""Joined recordings, pictures later than the sound, and lost packets: times and frames."""

import logging
import subprocess
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from actionclip.video import decode, live
from actionclip.video.connection import parse_address

BITS = 8
H264 = {"preset": "ultrafast", "bf": "2", "g": "20"}


def pictures(numbers: Sequence[int]) -> list[np.ndarray]:
    """Pictures that carry their number as bright and dark columns."""
    bits = [[(number >> bit) & 1 for bit in range(BITS)] for number in numbers]
    rows = np.array(bits, np.uint8).repeat(16, axis=1) * 200 + 28
    return [np.broadcast_to(row[None, :, None], (48, 16 * BITS, 3)).copy() for row in rows]


def numbers_of(frames: Sequence[np.ndarray]) -> list[int]:
    columns = np.stack(frames)[:, 24].mean(axis=2).reshape(len(frames), BITS, 16)[:, :, 4:12]
    return (columns.mean(axis=2) > 128).astype(int).dot(1 << np.arange(BITS)).tolist()


def shifted(source: Path, path: Path, seconds: float) -> Path:
    """Copy a recording whose clock shows so much more."""
    options = {"avoid_negative_ts": "disabled"}
    with av.open(str(source)) as old, av.open(str(path), "w", options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                ticks = round(seconds / packet.time_base)
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                packet.stream = stream
                new.mux(packet)
    return path


@pytest.fixture(scope="module")
def parts(tmp_path_factory, write) -> Callable[[str], tuple[Path, Path]]:
    """Two recordings in a container: 40 pictures from 0 on, and 50 from 100 on, 25 a second."""
    folder = tmp_path_factory.mktemp("parts")

    def make(suffix: str, codec: str = "libx264", **options: str) -> tuple[Path, Path]:
        made = [folder / f"{first}{suffix}" for first in (0, 100)]
        for path, numbers in zip(made, (range(40), range(100, 150)), strict=True):
            if not path.exists():
                write(path, pictures(numbers), codec, options=options or H264)
        return made[0], made[1]

    return make


EXPECTED = [*range(40), *range(100, 150)]


def joined(path: Path, *recordings: Path) -> Path:
    path.write_bytes(b"".join(recording.read_bytes() for recording in recordings))
    return path


@pytest.fixture(
    params=[
        "starts again",
        "goes back",
        "goes back by a frame",
        "jumps ahead",
        "wraps",
        "begins low",
    ]
)
def joined_ts(request, parts, tmp_path) -> Path:
    """Two recordings in one transport stream, whose clock does what its name says."""
    first, second = parts(".ts")
    seconds = {"goes back": 0.9, "goes back by a frame": 1.56, "jumps ahead": 3000}
    if request.param in seconds:
        second = shifted(second, tmp_path / "second.ts", seconds[request.param])
    if request.param == "wraps":  # the counter of 33 bits starts again amid the second recording
        second = shifted(second, tmp_path / "second.ts", 2**33 / 90_000 - 2)
    if request.param == "begins low":
        first = shifted(first, tmp_path / "first.ts", 5000)
    return joined(tmp_path / f"{request.param}.ts", first, second)


def test_parts_follow_each_other_however_their_clock_jumps(joined_ts):
    info = decode.probe(joined_ts)
    assert info.num_frames == 90
    assert info.duration_seconds == pytest.approx(3.6, abs=0.001)
    together = decode.read_frames(joined_ts, range(90))
    assert numbers_of(together) == EXPECTED
    for index in (0, 37, 38, 39, 40, 41, 89):
        assert np.array_equal(decode.read_frames(joined_ts, [index])[0], together[index])
    seconds = (np.arange(90) + 0.5) / 25
    assert np.array_equal(decode.read_frames_at(joined_ts, seconds), together)
    streamed = list(decode.stream_frames(joined_ts, 25.0))
    assert [round(25 * second) for second, _ in streamed] == list(range(90))
    assert np.array_equal([frame for _, frame in streamed], together)


def test_a_pipe_brings_the_frames_of_the_joined_file(joined_ts):
    expected = list(decode.stream_frames(joined_ts, 25.0))
    with subprocess.Popen(["cat", joined_ts], stdout=subprocess.PIPE) as cat:
        place = parse_address(f"pipe:{cat.stdout.fileno()}")
        found = list(live.live_frames(place, 25.0, None, in_real_time=False, timeout_seconds=5.0))
    assert [step for step, _ in found] == [round(25 * second) for second, _ in expected]
    assert np.array_equal([frame for _, frame in found], [frame for _, frame in expected])


@pytest.mark.parametrize(
    ("suffix", "codec", "options"),
    [
        (".mkv", "libx264", H264),
        (".webm", "libvpx", {"deadline": "realtime", "cpu-used": "8", "g": "20"}),
        (".mpg", "mpeg2video", {"g": "12", "bf": "2"}),
        (".avi", "mpeg4", {"g": "12"}),
        (".ts", "mpeg2video", {"g": "12", "bf": "2"}),
        (".h264", "libx264", H264),
    ],
)
def test_parts_follow_each_other_in_other_containers(parts, tmp_path, suffix, codec, options):
    path = joined(tmp_path / f"joined{suffix}", *parts(suffix, codec, **options))
    assert decode.probe(path).num_frames == 90
    together = decode.read_frames(path, range(90))
    assert numbers_of(together) == EXPECTED
    assert np.array_equal(decode.read_frames(path, [39, 40]), together[39:41])
    streamed = numbers_of([frame for _, frame in decode.stream_frames(path, 50.0)])
    assert list(dict.fromkeys(streamed)) == EXPECTED


def test_a_flash_recording_that_was_appended_to_has_both_parts(parts, tmp_path):
    first, second = parts(".flv")
    path = tmp_path / "appended.flv"
    path.write_bytes(first.read_bytes() + second.read_bytes()[13:])  # without its header
    assert numbers_of(decode.read_frames(path, range(90))) == EXPECTED
    assert decode.probe(path).duration_seconds == pytest.approx(3.6, abs=0.01)


@pytest.mark.parametrize("suffix", [".flv", ".mp4"])
def test_a_file_that_cannot_be_read_past_its_first_part_says_so(parts, tmp_path, suffix, caplog):
    path = joined(tmp_path / f"joined{suffix}", *parts(suffix))
    assert decode.probe(path).num_frames == 40
    assert "another file was appended" in caplog.text
    assert not any("appended" in record.message for record in _logged(parts(suffix)[0], caplog))


def _logged(path: Path, caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    caplog.clear()
    decode.probe(path)
    return caplog.records


def test_a_still_picture_of_minutes_is_no_jump_of_the_clock(tmp_path, write):
    path = write(
        tmp_path / "still.mkv", pictures(range(8)), options=H264, times=lambda i: 90_000 * i
    )
    assert decode.probe(path).duration_seconds > 600
    assert numbers_of(decode.read_frames_at(path, [89.9, 90.1, 629.9, 630.1])) == [0, 1, 6, 7]


def test_a_still_picture_in_a_broadcast_with_b_frames_moves_nothing_after_it(tmp_path, write):
    """The picture after it is decoded long before it is shown, those after that are not."""
    path = tmp_path / "still.ts"
    write(
        path,
        pictures(range(60)),
        options={**H264, "sc_threshold": "0"},
        times=lambda i: 40 * i if i < 20 else 40_000 + 500 * (i - 20),
    )
    info = decode.probe(path)
    assert info.num_frames == 60
    assert info.duration_seconds == pytest.approx(59.5, abs=0.6)
    times = [0.78, 0.9, 39.9, 40.1, 41.1, 50.1, 59.6]
    assert numbers_of(decode.read_frames_at(path, times)) == [19, 19, 19, 20, 22, 40, 59]


def test_a_part_in_another_codec_cannot_be_decoded_and_a_warning_says_so(
    tmp_path, parts, write, caplog
):
    other = write(tmp_path / "other.ts", pictures(range(100, 150)), "mpeg2video")
    path = joined(tmp_path / "joined.ts", parts(".ts")[0], other)
    with caplog.at_level(logging.WARNING):
        assert decode.probe(path).num_frames < 45
    [record] = caplog.records
    assert "coded pictures cannot be decoded" in record.getMessage()


def with_sound(
    source: Path, path: Path, late_seconds: float, sound_seconds: float, *, first: float = 0.0
) -> Path:
    """Copy pictures beside a sound, which begins at `first`; the pictures begin so much later."""
    options = {"avoid_negative_ts": "disabled"} if path.suffix != ".ts" else {"muxdelay": "0"}
    with av.open(str(source)) as old, av.open(str(path), "w", options=options) as new:
        video = new.add_stream_from_template(old.streams.video[0])
        audio = new.add_stream("mp2" if path.suffix == ".ts" else "aac", rate=48_000)
        audio.layout = "mono"
        packets = []
        origin = min(packet.pts for packet in old.demux(video=0) if packet.size)
        old.seek(0)
        for packet in old.demux(video=0):
            if packet.size:
                ticks = round((first + late_seconds) / packet.time_base) - origin
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                packet.stream = video
                packets.append(packet)
        for number in range(round(sound_seconds * 48_000 / 1152)):
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.int16), "s16", "mono")
            sound.rate, sound.time_base = 48_000, Fraction(1, 48_000)
            sound.pts = round(first * 48_000) + 1152 * number
            packets += audio.encode(sound)
        packets += audio.encode(None)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            new.mux(packet)
    return path


@pytest.fixture(scope="module", params=[".mp4", ".mkv", ".ts"])
def late(request, parts, tmp_path_factory) -> Path:
    """Forty pictures from second 5 on, and ten seconds of sound."""
    path = tmp_path_factory.mktemp("late") / f"late{request.param}"
    return with_sound(parts(".mp4")[0], path, 5, 10)


def test_pictures_that_begin_after_the_sound_have_the_seconds_of_players(late, caplog):
    info = decode.probe(late)
    assert info.start_seconds == pytest.approx(5, abs=0.05)
    assert info.duration_seconds == pytest.approx(1.6, abs=0.01)
    streamed = list(decode.stream_frames(late, 4.0))
    assert [second for second, _ in streamed] == [5 + step / 4 for step in range(7)]
    at = decode.read_frames_at(late, [second for second, _ in streamed])
    assert np.array_equal(at, [frame for _, frame in streamed])
    assert numbers_of(decode.read_frames_at(late, [0.0, 4.0, 5.1, 5.9, 9.0])) == [0, 0, 2, 22, 39]
    assert decode.frames_between(late, 5.21, 5.59) == range(5, 15)
    assert caplog.text == ""  # the sound is longer, and nothing is missing


def test_a_pipe_has_the_seconds_of_the_file(parts, tmp_path):
    path = with_sound(parts(".mp4")[0], tmp_path / "late.ts", 3, 6)
    expected = [round(4 * second) for second, _ in decode.stream_frames(path, 4.0)]
    with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as cat:
        place = parse_address(f"pipe:{cat.stdout.fileno()}")
        found = list(live.live_frames(place, 4.0, None, in_real_time=False, timeout_seconds=5.0))
    assert [step for step, _ in found] == expected
    assert expected[0] == 12


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_file_whose_pictures_begin_before_the_sound_begins_at_0(parts, tmp_path, suffix):
    path = with_sound(parts(".mp4")[0], tmp_path / f"early{suffix}", -0.5, 3, first=2.0)
    assert decode.probe(path).start_seconds == 0
    assert next(decode.stream_frames(path, 4.0))[0] == 0


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_that_is_longer_is_no_cut_and_a_cut_is_one(parts, tmp_path, suffix, caplog):
    path = with_sound(parts(".mp4")[0], tmp_path / f"long{suffix}", 0, 6)
    decode.probe(path)
    assert len(list(decode.stream_frames(path, 4.0))) == 7
    assert caplog.text == ""
    content = path.read_bytes()
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux() if packet.size]
        middle = next(p.pos for p in packets if p.pts * p.time_base > 0.8)
    if suffix != ".mp4":  # an index at the end would be lost with it
        path.write_bytes(content[:middle])
        decode.probe(path)
        assert "the pictures end after" in caplog.text


def lossy(source: Path, path: Path, seed: int) -> Path:
    """Copy a transport stream that loses one of 25 packets."""
    content = source.read_bytes()
    chance = np.random.default_rng(seed)
    packets = [content[start : start + 188] for start in range(0, len(content), 188)]
    kept = [packet for i, packet in enumerate(packets) if i <= 20 or chance.random() >= 0.04]
    path.write_bytes(b"".join(kept))
    return path


@pytest.fixture(scope="module")
def long_ts(tmp_path_factory, write, noisy) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.ts"
    return write(path, noisy(120), options={"preset": "ultrafast", "bf": "2", "g": "40"})


@pytest.mark.parametrize("suffix", [".ts", ".mkv", ".mp4"])
def test_after_lost_packets_a_frame_is_the_same_whatever_else_is_read(long_ts, tmp_path, suffix):
    path = lossy(long_ts, tmp_path / "lossy.ts", seed=1)
    if suffix != ".ts":
        path = shifted(path, tmp_path / f"lossy{suffix}", 0)
    num_frames = decode.probe(path).num_frames
    assert 60 < num_frames < 120
    together = decode.read_frames(path, range(num_frames))
    for index in range(0, num_frames, 3):
        alone = decode.read_frames(path, [index])[0]
        assert np.array_equal(alone, together[index]), index
    for rate in (5.0, 25.0):
        streamed = list(decode.stream_frames(path, rate))
        at = decode.read_frames_at(path, [second for second, _ in streamed])
        assert np.array_equal(at, [frame for _, frame in streamed])


def test_times_of_parts_go_forward(joined_ts):
    seconds = [second for second, _ in decode.stream_frames(joined_ts, 100.0)]
    assert all(a < b for a, b in pairwise(seconds))
