import logging
import os
import subprocess
import sys
import tracemalloc
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from actionclip.video import container, decode, timetable
from actionclip.video.decoder import Decoder
from actionclip.video.pixels import Geometry, ToRGB


def decode_everything(path: Path) -> tuple[np.ndarray, list[float]]:
    """All frames the plain way, and the seconds at which they come on screen, if the file knows."""
    with av.open(str(path), metadata_errors="replace") as container:
        decoded = list(container.decode(video=0))
        to_rgb = ToRGB(Geometry.of(container.streams.video[0], decoded[0]))
    frames = np.stack([to_rgb(frame) for frame in decoded])
    is_timed = all(f.pts is not None for f in decoded) and all(
        a.pts < b.pts for a, b in pairwise(decoded)
    )
    if is_timed:
        return frames, [float((f.pts - decoded[0].pts) * f.time_base) for f in decoded]
    rate = 1 / decode.probe(path).frame_rate
    return frames, [index * rate for index in range(len(decoded))]


def shown_at(seconds: float, starts: list[float]) -> int:
    return max(i for i, start in enumerate(starts) if start <= seconds + 0.0005)


def test_frames_by_index_are_those_of_decoding_everything(odd_file):
    frames, _ = decode_everything(odd_file)
    assert decode.probe(odd_file).num_frames == len(frames)
    generator = np.random.default_rng(0)
    for num_wanted in (1, 1, 1, 2, 2, 5, 8):
        indices = generator.integers(0, len(frames), num_wanted)
        assert np.array_equal(decode.read_frames(odd_file, indices), frames[indices]), indices
    assert np.array_equal(decode.read_frames(odd_file, range(len(frames))), frames)


def test_frames_by_time_are_those_on_screen(odd_file):
    frames, starts = decode_everything(odd_file)
    generator = np.random.default_rng(1)
    for num_wanted in (1, 1, 1, 2, 5, 8):
        seconds = generator.uniform(0, starts[-1] * 1.1, num_wanted)
        expected = frames[[shown_at(time, starts) for time in seconds]]
        assert np.array_equal(decode.read_frames_at(odd_file, seconds), expected), seconds


@pytest.mark.parametrize("rate", [2.0, 25.0])
def test_streamed_frames_are_those_on_screen(odd_file, rate):
    frames, starts = decode_everything(odd_file)
    duration = decode.probe(odd_file).duration_seconds
    streamed = list(decode.stream_frames(odd_file, rate))
    assert abs(len(streamed) - duration * rate) <= 1 + rate * 0.001
    for step, (seconds, frame) in enumerate(streamed):
        assert seconds == step / rate
        assert np.array_equal(frame, frames[shown_at(seconds, starts)])


def test_shortcuts_are_taken_where_they_are_safe(odd_file, monkeypatch):
    """Reading again from the start is for files that need it, not a habit that hides mistakes."""
    if not timetable.opening(odd_file).is_seekable or "refreshed" in odd_file.name:
        pytest.skip("this file has to be read through")
    decode.probe(odd_file)

    def refuse(*_, **__):
        raise AssertionError("read from the start")

    monkeypatch.setattr(container, "timed_frames", refuse)
    for wanted in ([0], [33], [3, 31, 55], [69]):
        if wanted[-1] < decode.probe(odd_file).num_frames:
            decode.read_frames(odd_file, wanted)
            decode.read_frames_at(odd_file, [index / 25 for index in wanted])


def test_packets_far_from_the_wanted_frames_are_not_decoded(ordinary, monkeypatch):
    sent = []
    real = container.decode
    monkeypatch.setattr(container, "decode", lambda s, p: (sent.append(p), real(s, p))[1])
    decode.probe(ordinary)
    sent.clear()
    decode.read_frames(ordinary, [1, 62])
    assert len(sent) < 25


def test_a_wanted_frame_has_its_nearest_keyframe(ordinary):
    numbers, seconds = decode.keyframes_near(ordinary, [69, 0, 9, 10, 11, 45])
    assert numbers.tolist() == [60, 0, 0, 0, 20, 40]  # a keyframe every 20
    assert seconds == pytest.approx([9 / 25, 0, 9 / 25, 10 / 25, 9 / 25, 5 / 25])


def test_no_keyframe_is_nearer_and_its_frame_is_the_real_one(odd_file):
    frames, starts = decode_everything(odd_file)
    numbers, seconds = decode.keyframes_near(odd_file, range(len(frames)))
    keyframes = sorted(set(numbers.tolist()))
    apart = np.abs(np.subtract.outer(starts, [starts[number] for number in keyframes]))
    assert seconds == pytest.approx(apart.min(axis=1), abs=1e-6)
    assert np.array_equal(decode.read_frames(odd_file, keyframes), frames[keyframes])


def test_of_a_keyframe_one_packet_is_decoded_and_nothing_else(odd_file, monkeypatch):
    if not timetable.opening(odd_file).is_seekable or "refreshed" in odd_file.name:
        pytest.skip("this file has to be read through")
    sent = []
    real = container.decode
    monkeypatch.setattr(container, "decode", lambda s, p: (sent.append(p), real(s, p))[1])
    numbers, _ = decode.keyframes_near(odd_file, [3, 22, 44])
    sent.clear()
    decode.read_frames(odd_file, numbers)
    assert sum(packet is not None for packet in sent) == len(set(numbers.tolist()))


def test_order_and_repeats_are_kept(ordinary):
    frames, _ = decode_everything(ordinary)
    assert np.array_equal(decode.read_frames(ordinary, [7, 0, 7, 69]), frames[[7, 0, 7, 69]])


def test_large_pictures_decoded_by_several_threads_are_the_same(tmp_path, write, noisy):
    path = write(tmp_path / "large.mp4", noisy(12, 720, 1280), options={"preset": "ultrafast"})
    frames, _ = decode_everything(path)
    assert np.array_equal(decode.read_frames(path, [11, 4, 5]), frames[[11, 4, 5]])


def test_real_videos_read_as_decoding_everything(shared):
    paths = [
        shared / "videos/odd/hmdb51_cartwheel_bad_metadata.avi",
        next((shared / "videos/weizmann").rglob("*.mp4")),
        next((shared / "videos/falls").rglob("*.mp4")),
    ]
    for path in paths:
        frames, _ = decode_everything(path)
        indices = [len(frames) - 1, 0, len(frames) // 2]
        assert decode.probe(path).num_frames == len(frames)
        assert np.array_equal(decode.read_frames(path, indices), frames[indices])


def test_probe_tells_size_length_and_rate(moving_square):
    info = decode.probe(str(moving_square))
    assert (info.width, info.height, info.num_frames) == (128, 96, 20)
    assert info.duration_seconds == pytest.approx(2)
    assert info.frame_rate == pytest.approx(10)


def test_a_changed_file_is_probed_anew(tmp_path, ordinary):
    path = tmp_path / "video.mp4"
    path.write_bytes(ordinary.read_bytes())
    decode.probe(path)
    path.write_text("no video any more")
    with pytest.raises(ValueError, match="not a video"):
        decode.probe(path)


@pytest.mark.parametrize(("short_side", "size"), [(24, (24, 32)), (96, (96, 128)), (7, (7, 9))])
def test_the_short_side_is_scaled(ordinary, short_side, size):
    assert decode.read_frames(ordinary, [3], short_side).shape == (1, *size, 3)
    assert decode.read_frames_at(ordinary, [0.3], short_side).shape == (1, *size, 3)
    assert next(decode.stream_frames(ordinary, 1.0, short_side))[1].shape == (*size, 3)


def test_one_frame_is_a_video(tmp_path, write, noisy):
    path = write(tmp_path / "one.mp4", noisy(1))
    assert decode.probe(path).num_frames == 1
    assert decode.read_frames(path, [0, 0]).shape == (2, 48, 64, 3)
    assert len(decode.read_frames_at(path, [0.0, 5.0])) == 2
    assert [seconds for seconds, _ in decode.stream_frames(path, 25.0)] == [0]


@pytest.mark.parametrize(
    ("name", "codec", "pixels"), [("a.png", "png", "rgb24"), ("a.jpg", "mjpeg", "yuvj444p")]
)
def test_a_still_image_is_a_video_of_one_frame(tmp_path, write, noisy, name, codec, pixels):
    path = write(tmp_path / name, noisy(1), codec, pixels)
    assert decode.probe(path).num_frames == 1
    frame = decode.read_frames(path, [0])[0]
    assert np.abs(frame.astype(int) - noisy(1)[0]).mean() < 20


def test_paths_need_not_be_ascii(tmp_path, ordinary):
    path = tmp_path / "наука — 映画 100%03d.mp4"
    path.write_bytes(ordinary.read_bytes())
    assert decode.probe(path).num_frames == 70


def test_a_file_cut_in_the_middle_gives_what_there_is_and_says_so(tmp_path, ordinary, caplog):
    frames, _ = decode_everything(ordinary)
    path = tmp_path / "cut.mp4"
    path.write_bytes(ordinary.read_bytes()[: ordinary.stat().st_size // 2])
    info = decode.probe(path)
    assert 20 < info.num_frames < 50
    assert f"{info.num_frames} frames could be read" in caplog.text
    assert np.array_equal(decode.read_frames(path, [0, 15]), frames[[0, 15]])
    assert len(decode.read_frames(path, [info.num_frames - 1])) == 1
    assert len(decode.read_frames_at(path, [2.5])) == 1
    caplog.clear()
    assert 20 < len(list(decode.stream_frames(path, 25.0))) < 50
    assert "could be read" in caplog.text


def test_frames_damaged_beyond_decoding_are_replaced_with_a_warning(tmp_path, ordinary, caplog):
    frames, _ = decode_everything(ordinary)
    with av.open(str(ordinary)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        positions = [(packet.pos, packet.size) for packet in packets[40:60]]
        lost = sorted(round(p.pts * p.time_base * 25) for p in packets[40:60])
    content = bytearray(ordinary.read_bytes())
    for position, size in positions:
        content[position : position + size] = bytes(size)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        read = decode.read_frames(path, range(70))
    assert f"{len(lost)} of the wanted frames cannot be decoded" in caplog.text
    kept = sorted(set(range(70)) - set(lost))
    assert np.array_equal(read[kept], frames[kept])
    for index in lost:
        assert np.array_equal(read[index], frames[max(k for k in kept if k < index)])


def test_garbled_files_still_give_frames(tmp_path, ordinary):
    content = bytearray(ordinary.read_bytes())
    generator = np.random.default_rng(0)
    for trial in range(5):
        garbled = bytearray(content)
        for place in generator.integers(len(content) // 3, len(content), 10):
            garbled[place] ^= 0xFF
        path = tmp_path / f"{trial}.mp4"
        path.write_bytes(garbled)
        frames = decode.read_frames(path, [0, 30, 69])
        assert frames.shape == (3, 48, 64, 3)


def test_memory_does_not_grow_with_the_length_of_the_video(tmp_path, write, noisy):
    peaks = []
    for repeats in (1, 8):
        path = write(
            tmp_path / f"{repeats}.mp4", noisy(60) * repeats, options={"preset": "ultrafast"}
        )
        decode.probe(path)
        tracemalloc.start()
        for _ in decode.stream_frames(path, 25.0):
            pass
        decode.read_frames(path, [0, 30, 59])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 50_000


@pytest.mark.parametrize("indices", [[-1], [70], [0, 999], []])
def test_frames_that_are_not_there_are_refused(ordinary, indices):
    with pytest.raises(ValueError, match=r"closed gops\.mp4: .*frame"):
        decode.read_frames(ordinary, indices)
    with pytest.raises(ValueError, match=r"closed gops\.mp4: .*frame"):
        decode.keyframes_near(ordinary, indices)


def test_times_before_the_start_are_refused(ordinary):
    with pytest.raises(ValueError, match="from 0 to"):
        decode.read_frames_at(ordinary, [-0.1])


READERS = [
    decode.probe,
    lambda path: decode.read_frames(path, [0]),
    lambda path: decode.keyframes_near(path, [0]),
    lambda path: decode.read_frames_at(path, [0.0]),
    lambda path: next(decode.stream_frames(path, 1.0)),
]


@pytest.mark.parametrize("read", READERS)
class TestWhatIsNoVideoIsRefusedInOneSentence:
    def refused(self, read, path, words, error=ValueError):
        with pytest.raises(error) as caught:
            read(path)
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        assert words in message
        assert "\n" not in message

    def test_nothing_there(self, read, tmp_path):
        self.refused(read, tmp_path / "none.mp4", "no such file", FileNotFoundError)

    def test_a_folder(self, read, tmp_path):
        self.refused(read, tmp_path, "folder")

    def test_a_pipe(self, read, tmp_path):
        os.mkfifo(tmp_path / "pipe.mp4")
        self.refused(read, tmp_path / "pipe.mp4", "not a regular file")

    def test_an_empty_file(self, read, tmp_path):
        (tmp_path / "empty.mp4").touch()
        self.refused(read, tmp_path / "empty.mp4", "empty")

    def test_text(self, read, tmp_path):
        (tmp_path / "text.mp4").write_text("Dear diary\n" * 100)
        self.refused(read, tmp_path / "text.mp4", "not a video")

    def test_a_playlist(self, read, tmp_path, ordinary):
        (tmp_path / "other.mp4").write_bytes(ordinary.read_bytes())
        (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile other.mp4\n")
        self.refused(read, tmp_path / "list.mp4", "playlist")

    def test_an_mp4_that_was_never_finished(self, read, tmp_path, ordinary):
        content = ordinary.read_bytes().replace(b"moov", b"lost")
        (tmp_path / "unfinished.mp4").write_bytes(content)
        self.refused(read, tmp_path / "unfinished.mp4", "never finished")

    def test_sound_only(self, read, tmp_path):
        path = tmp_path / "sound.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("aac", rate=16000)
            stream.layout = "mono"
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.int16), "s16", "mono")
            sound.rate = 16000
            container.mux(stream.encode(sound))
            container.mux(stream.encode())
        self.refused(read, path, "no pictures")

    def test_no_frames(self, read, tmp_path, ordinary):
        with av.open(str(ordinary)) as container:
            first = next(packet for packet in container.demux(video=0) if packet.size)
            start = first.pos
        content = ordinary.read_bytes()
        path = tmp_path / "hollow.mp4"
        path.write_bytes(content[:start] + bytes(len(content) - start))
        self.refused(read, path, "no frame can be decoded")


def test_a_number_of_a_frame_that_is_not_whole_is_refused_and_not_cut(ordinary):
    code = (  # outside the tests nobody checks types
        "import sys; from actionclip.video import decode\n"
        "for indices in ([1.5], [[0]], ['a'], [float('nan')]):\n"
        "    try: decode.read_frames(sys.argv[1], indices)\n"
        "    except ValueError as error: print('whole numbers' in str(error))"
    )
    ended = subprocess.run([sys.executable, "-c", code, ordinary], capture_output=True, text=True)
    assert ended.stdout.split() == 4 * ["True"], ended.stderr


def test_what_is_no_time_and_no_rate_is_not_blamed_on_the_file(ordinary):
    for time in (float("nan"), float("inf"), 1e300):
        with pytest.raises(ValueError, match="at least one time"):
            decode.read_frames_at(ordinary, [time])
    for rate in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="frames a second are not possible"):
            next(decode.stream_frames(ordinary, rate))


def test_frames_around_others_are_those_on_screen_then(ordinary):
    info = decode.probe(ordinary)
    indices, within = [0, info.num_frames // 2], (0, info.num_frames)
    (seconds, times), frames = decode.read_frames_around(ordinary, indices, 5.0, 0.4, within, 32)
    assert seconds == [index / info.frame_rate for index in indices]
    assert np.array_equal(frames[:2], decode.read_frames(ordinary, indices, 32))
    assert np.array_equal(frames[2:], decode.read_frames_at(ordinary, times, 32))
    assert [time * 5 % 1 for time in times] == [0.0] * len(times)
    for second in seconds:  # as much before it as after it, or at the ends inside
        begin = max(second - 0.4, 0.0)
        assert {time for time in times if begin <= time <= begin + 0.8} == {
            step / 5 for step in range(100) if begin <= step / 5 <= begin + 0.8
        }


def test_frames_around_others_stay_inside_the_part(ordinary):
    rate = decode.probe(ordinary).frame_rate
    (seconds, times), frames = decode.read_frames_around(ordinary, [10], 10.0, 5.0, (8, 14), 32)
    assert seconds == [10 / rate]
    assert min(times) >= 8 / rate
    assert max(times) <= 13 / rate
    assert len(frames) == 1 + len(times) > 1


def test_wanted_frames_do_not_keep_those_around_in_memory(ordinary):
    with Decoder() as decoder:
        num_frames = decoder.probe(ordinary).num_frames
        found = decoder.read_frames_around(ordinary, [3], 10.0, 1.0, range(num_frames), 32)
    assert found.frames.base is None
    assert np.array_equal(found.frames, decode.read_frames(ordinary, [3], 32))


def test_a_part_shorter_than_a_step_may_have_no_frames_around_its_own(ordinary):
    (seconds, times), frames = decode.read_frames_around(ordinary, [1], 8.0, 1.5, (1, 3), 32)
    assert len(seconds) == len(frames) == 1
    assert times == []
