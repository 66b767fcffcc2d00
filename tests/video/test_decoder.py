import gc
import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actionclip.video import decode, sampling
from actionclip.video.decoder import Decoder, Limits, VideoInfo, prefetch_clips

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, or limits memory")
SMALL = Limits(
    cpu_seconds=20.0,
    memory_bytes=2**30,
    pixels=2_000_000,
    frames=500,
    duration_seconds=3600.0,
)


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder() as decoder:
        yield decoder


def children() -> list[int]:
    """The processes of this one, those that ended and were not waited for among them."""
    gc.collect()  # what other tests left ends now, and not in the middle of this one
    lists = Path("/proc/self/task").glob("*/children")
    return sorted(int(pid) for children in lists for pid in children.read_text().split())


def num_open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120  # only ends a hang
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def refusal(error: pytest.ExceptionInfo[Exception], path: Path) -> str:
    """The message, once it is one line that names the file."""
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


@pytest.fixture(scope="module")
def endless(tmp_path_factory, write, noisy) -> Path:
    """A few frames, and then nothing for 64 GiB."""
    path = tmp_path_factory.mktemp("endless") / "endless.mpg"
    write(path, noisy(10), "mpeg2video")
    os.truncate(path, 2**36)
    return path


def test_what_is_read_is_what_is_read_in_this_process(decoder, odd_file):
    info = decode.probe(odd_file)
    assert decoder.probe(odd_file) == info
    indices = np.random.default_rng(0).integers(0, info.num_frames, 8)
    expected = decode.read_frames(odd_file, indices, 32)
    assert np.array_equal(decoder.read_frames(odd_file, indices, 32), expected)
    pairs = zip(
        decoder.stream_frames(odd_file, 8.0), decode.stream_frames(odd_file, 8.0), strict=True
    )
    for (seconds, frame), (expected_seconds, expected_frame) in pairs:
        assert seconds == expected_seconds
        assert np.array_equal(frame, expected_frame)


@pytest.mark.parametrize("degrees", [90, 180])
def test_turned_frames_come_upright(decoder, tmp_path, write, noisy, degrees):
    path = write(tmp_path / "turned.mp4", noisy(3), rotation=degrees)
    assert np.array_equal(decoder.read_frames(path, [2, 0]), decode.read_frames(path, [2, 0]))


def test_mistakes_are_told_in_the_same_words(decoder, tmp_path, ordinary):
    (tmp_path / "text.mp4").write_text("Dear diary\n" * 100)
    for path, indices in (
        (tmp_path / "none.mp4", [0]),
        (tmp_path / "text.mp4", [0]),
        (ordinary, [70]),
        (ordinary, []),
    ):
        with pytest.raises((ValueError, FileNotFoundError)) as expected:
            decode.read_frames(path, indices)
        with pytest.raises(type(expected.value)) as told:
            decoder.read_frames(path, indices)
        assert str(told.value) == str(expected.value)


def test_warnings_are_logged_here(decoder, tmp_path, ordinary, caplog):
    path = tmp_path / "cut.mp4"
    path.write_bytes(ordinary.read_bytes()[: ordinary.stat().st_size // 2])
    decoder.probe(path)
    [record] = caplog.records
    assert (record.name, record.levelno) == ("actionclip.video.timetable", logging.WARNING)
    assert record.getMessage().startswith(f"{path}: ")


def test_paths_are_those_of_this_process(decoder, tmp_path, ordinary, monkeypatch):
    name = "наука — 映画 \udcff.mp4"  # the last character is a byte that is no text
    (tmp_path / name).write_bytes(ordinary.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert decoder.probe(name).num_frames == 70
    with pytest.raises(FileNotFoundError, match=r"^none\.mp4: "):
        decoder.probe("none.mp4")


def test_a_relative_path_is_another_file_in_another_folder(tmp_path, write, noisy, monkeypatch):
    for folder, num_frames in (("one", 10), ("two", 20)):
        (tmp_path / folder).mkdir()
        path = write(tmp_path / folder / "clip.avi", noisy(num_frames), "mpeg4")
        with path.open("ab") as file:
            file.truncate(200_000)
        os.utime(path, (1, 1))
    with Decoder() as decoder:
        for read in (decode, decoder):
            found = []
            for folder in ("one", "two"):
                monkeypatch.chdir(tmp_path / folder)
                found.append(read.probe("clip.avi").num_frames)
            assert found == [10, 20]


def test_a_module_in_the_working_folder_is_not_run(tmp_path, ordinary, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    with Decoder() as decoder:
        assert decoder.probe(ordinary).num_frames == 70


def test_the_decoding_process_does_not_import_torch():
    code = "import sys, actionclip.video.worker; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_two_streams_and_a_question_do_not_disturb_each_other(ordinary):
    with Decoder() as decoder:
        first, second = decoder.stream_frames(ordinary, 25.0), decoder.stream_frames(ordinary, 25.0)
        for (_, one), (_, other) in zip(first, second, strict=True):
            assert np.array_equal(one, other)
            assert decoder.probe(ordinary).num_frames == 70


def test_each_thread_may_have_its_own(ordinary):
    expected = decode.read_frames(ordinary, range(70))
    results = []

    def read() -> None:
        with Decoder() as decoder:
            results.append(np.array_equal(decoder.read_frames(ordinary, range(70)), expected))

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 3


@LINUX
def test_a_stream_that_is_left_halfway_leaves_nothing_behind(tmp_path, write, noisy):
    path = write(tmp_path / "large.mp4", noisy(20, 480, 640), options={"preset": "ultrafast"})
    before = children(), num_open_files()
    with Decoder() as decoder:
        for _ in range(3):
            stream = decoder.stream_frames(path, 25.0)
            next(stream)
            del stream
            assert children() == before[0]
        assert decoder.probe(path).num_frames == 20
    assert (children(), num_open_files()) == before


def test_a_stream_of_a_closed_decoder_says_so(ordinary):
    with Decoder() as decoder:
        stream = decoder.stream_frames(ordinary, 25.0)
        next(stream)
    with pytest.raises(ValueError, match="closed") as caught:
        next(stream)
    refusal(caught, ordinary)


def test_a_video_that_takes_too_long_is_refused_and_the_next_one_is_read(endless, ordinary):
    with Decoder(replace(SMALL, cpu_seconds=0.5)) as decoder:
        with pytest.raises(ValueError, match=r"0\.5 seconds of processor time") as caught:
            decoder.probe(endless)
        assert "allow more" in refusal(caught, endless)
        assert decoder.probe(ordinary).num_frames == 70


def test_one_who_is_slow_to_look_is_not_a_slow_video(ordinary):
    with Decoder(replace(SMALL, stall_seconds=0.2)) as decoder:
        stream = decoder.stream_frames(ordinary, 4.0)
        next(stream)
        time.sleep(0.5)
        assert len(list(stream)) == 11


@LINUX
def test_a_stopped_process_is_noticed(ordinary):
    before = set(children())
    with Decoder(replace(SMALL, stall_seconds=0.5)) as decoder:
        decoder.probe(ordinary)
        [its_own] = set(children()) - before
        os.kill(its_own, signal.SIGSTOP)
        with pytest.raises(ValueError, match=r"no progress for 0\.5 seconds"):
            decoder.probe(ordinary)
        assert decoder.probe(ordinary).num_frames == 70


@LINUX
def test_a_video_that_takes_too_much_memory_is_refused(tmp_path, write, ordinary):
    black = np.zeros((1080, 1920, 3), np.uint8)
    path = write(tmp_path / "large.mp4", [black] * 30, options={"preset": "ultrafast"})
    with Decoder(replace(SMALL, memory_bytes=400 * 2**20, pixels=3_000_000)) as decoder:
        with pytest.raises(ValueError, match="memory") as caught:
            decoder.read_frames(path, range(30))
        assert "smaller" in refusal(caught, path)
        assert decoder.probe(ordinary).num_frames == 70


def test_pictures_with_too_many_pixels_are_refused(tmp_path, ordinary, write, noisy):
    with Decoder(replace(SMALL, pixels=48 * 63)) as decoder:
        for read in (decoder.probe, lambda path: next(decoder.stream_frames(path, 1.0))):
            with pytest.raises(ValueError, match="64×48 are over the limit of 3024") as caught:
                read(ordinary)
            refusal(caught, ordinary)
    still = write(tmp_path / "still.gif", noisy(2), "gif", "rgb8")
    with (
        Decoder(replace(SMALL, pixels=48 * 63)) as decoder,
        pytest.raises(ValueError, match="3024 pixels"),
    ):
        decoder.probe(still)
    with Decoder(replace(SMALL, pixels=48 * 64)) as decoder:
        assert decoder.probe(ordinary).num_frames == 70


def test_narrow_pictures_are_refused_before_they_are_scaled_up(decoder, tmp_path, write, noisy):
    path = write(tmp_path / "narrow.gif", noisy(2, 2, 4000), "gif", "rgb8")
    assert decoder.read_frames(path, [0]).shape == (1, 2, 4000, 3)
    with pytest.raises(ValueError, match="448000×224"):
        decoder.read_frames(path, [0], short_side=224)


def test_more_frames_than_allowed_are_refused(ordinary):
    with Decoder(replace(SMALL, frames=10)) as decoder:
        assert len(decoder.read_frames(ordinary, range(10))) == 10
        with pytest.raises(ValueError, match="more than 10 frames"):
            decoder.read_frames(ordinary, range(11))
        stream = decoder.stream_frames(ordinary, 25.0)
        for _ in range(10):
            next(stream)
        with pytest.raises(ValueError, match="more than 10 frames") as caught:
            next(stream)
        refusal(caught, ordinary)


def test_videos_that_last_too_long_are_refused_before_their_gaps_are_filled(tmp_path, write, noisy):
    path = write(
        tmp_path / "gap.mkv", noisy(10), times=lambda index: 40 * index + index // 5 * 10**11
    )
    with Decoder(SMALL) as decoder:
        for read in (decoder.probe, lambda path: decoder.read_frames(path, [0])):
            with pytest.raises(ValueError, match="lasts 100000000 seconds") as caught:
                read(path)
            refusal(caught, path)
        seconds = []
        with pytest.raises(ValueError, match="lasts 100000000 seconds"):
            seconds.extend(second for second, _ in decoder.stream_frames(path, 25.0))
        assert len(seconds) <= 5


def test_a_file_that_grows_while_it_is_read_ends_at_a_limit(tmp_path, write, noisy):
    path = write(tmp_path / "growing.h264", noisy(10))
    content = path.read_bytes()
    with Decoder(replace(SMALL, frames=300)) as decoder, path.open("ab") as file:
        file.write(content * 20)  # more frames than the pipe holds
        stream = decoder.stream_frames(path, 25.0)
        for _ in range(300):
            next(stream)
            file.write(content)
            file.flush()
        with pytest.raises(ValueError, match="more than 300 frames"):
            next(stream)


@LINUX
def test_a_process_that_crashed_is_replaced(ordinary):
    before = children()
    with Decoder() as decoder:
        decoder.probe(ordinary)
        [child] = set(children()) - set(before)
        os.kill(child, signal.SIGSEGV)
        wait_until(lambda: not decoder._children[0].is_running)
        assert decoder.probe(ordinary).num_frames == 70
    assert children() == before


@LINUX
@pytest.mark.parametrize(
    ("blow", "words"),
    [
        (signal.SIGSEGV, r"crashed \(SIGSEGV\); the file is damaged or hostile"),
        (signal.SIGKILL, r"killed \(SIGKILL\), perhaps because the machine ran out of memory"),
        (signal.SIGUSR1, r"ended from outside \(SIGUSR1\); try again"),
    ],
)
def test_the_message_says_what_ended_the_process(tmp_path, write, noisy, blow, words):
    path = write(tmp_path / "large.mp4", noisy(20, 480, 640), options={"preset": "ultrafast"})
    with Decoder() as decoder:
        stream = decoder.stream_frames(path, 25.0)
        next(stream)
        os.kill(decoder._children[0]._process.pid, blow)
        with pytest.raises(ValueError, match=words) as caught:
            list(stream)
        refusal(caught, path)


@LINUX
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_what_a_group_of_processes_is_sent_is_left_to_the_one_who_asks(ordinary, name):
    with Decoder() as decoder:
        stream = decoder.stream_frames(ordinary, 25.0)
        next(stream)
        os.kill(decoder._children[0]._process.pid, signal.Signals[name])
        assert len(list(stream)) == 69


@LINUX
@pytest.mark.parametrize("is_busy", [False, True])
def test_the_process_ends_when_the_one_who_asks_is_killed(is_busy, ordinary, endless):
    code = (
        "import sys; from actionclip.video.decoder import Decoder\n"
        "decoder = Decoder(); decoder.probe(sys.argv[1])\n"
        "print(decoder._children[0]._process.pid, flush=True)\n"
        "decoder.probe(sys.argv[2]) if sys.argv[3] == 'True' else input()\n"
    )
    asking = subprocess.Popen(
        [sys.executable, "-c", code, ordinary, endless, str(is_busy)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with asking:
        assert asking.stdout
        child = int(asking.stdout.readline())
        time.sleep(0.2)
        assert not is_gone(child)
        asking.kill()
    wait_until(lambda: is_gone(child))


@LINUX
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_another_process_starts_decoding_processes_of_its_own(ordinary, method):
    with Decoder() as decoder:
        decoder.probe(ordinary)
        stream = decoder.stream_frames(ordinary, 25.0)
        next(stream)
        mine = set(children())
        with multiprocessing.get_context(method).Pool(1) as pool:
            for _ in range(2):  # the second request goes to the same process as the first
                num_frames, theirs = pool.apply(probe_and_list_children, (decoder, ordinary))
                assert num_frames == 70
                assert len(theirs) == 1
                assert mine.isdisjoint(theirs)
        wait_until(lambda: is_gone(theirs[0]))
        assert len(list(stream)) == 69  # nobody else has ended or read it
        assert decoder.probe(ordinary).num_frames == 70


def probe_and_list_children(decoder: Decoder, path: Path) -> tuple[int, list[int]]:
    """Run in another process."""
    return decoder.probe(path).num_frames, children()


@LINUX
def test_a_forked_process_does_not_keep_decoding_processes_alive(ordinary):
    with Decoder() as decoder:
        decoder.probe(ordinary)
        [child] = [other._process.pid for other in decoder._children]
        forked = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
        forked.start()
        stdin = decoder._children[0]._process.stdin
        assert stdin
        stdin.close()  # as when this process ends
        wait_until(lambda: is_gone(child))
        forked.kill()
        forked.join()


@LINUX
def test_a_decoder_that_is_forgotten_leaves_no_process(ordinary):
    before = children(), num_open_files()
    decoder = Decoder()
    decoder.probe(ordinary)
    assert len(children()) == len(before[0]) + 1
    del decoder
    wait_until(lambda: (children(), num_open_files()) == before)


@LINUX
def test_a_process_that_answers_nonsense_is_an_error(ordinary, monkeypatch):
    answers = [
        {"kind": "part", "about": {}, "shape": [10**6, 10**6, 3]},
        {"kind": "part", "about": {}, "shape": [-1]},
        ["part"],
    ]
    for answer in answers:
        with Decoder() as decoder:
            decoder.probe(ordinary)
            monkeypatch.setattr(json, "loads", lambda _, answer=answer: answer)
            with pytest.raises(ValueError, match="invalid response") as caught:
                decoder.probe(ordinary)
            monkeypatch.undo()
        refusal(caught, ordinary)


@pytest.mark.slow
def test_hostile_files_give_frames_or_one_line(hostile_files, capfd, caplog):
    assert len(hostile_files) == len(set(hostile_files)) == 200

    def probe(path: Path) -> None:
        decoder.probe(path)

    def read_eight(path: Path) -> None:
        num_frames = decoder.probe(path).num_frames
        middles = [num_frames * (2 * segment + 1) // 16 for segment in range(8)]
        frames = decoder.read_frames(path, middles)
        assert frames.shape[0] == 8
        assert frames[0].size <= 3 * SMALL.pixels

    def stream(path: Path) -> None:
        frames = list(decoder.stream_frames(path, 4.0))
        assert 0 < len(frames) <= SMALL.frames
        assert frames[-1][0] <= SMALL.duration_seconds

    before = (children(), num_open_files()) if sys.platform == "linux" else None
    num_readable = 0
    limits = replace(SMALL, cpu_seconds=1.0)
    with Decoder(limits) as decoder:
        for path in hostile_files:
            for read in (probe, read_eight, stream):
                message = None
                try:
                    read(path)
                except (ValueError, FileNotFoundError) as error:
                    message = str(error)
                if message:
                    assert message.startswith(f"{path}: ")
                    assert "\n" not in message
                num_readable += message is None
    assert all("\n" not in record.getMessage() for record in caplog.records)
    assert capfd.readouterr() == ("", "")
    assert 200 < num_readable < 500  # the damage is real, and what can be read is read
    if before:
        assert (children(), num_open_files()) == before


def middles(info: VideoInfo) -> np.ndarray:
    return sampling.segment_middles(info.num_frames, 4)


def read_middles(decoder: Decoder, video: Path) -> np.ndarray:
    return decoder.read_frames(video, middles(decoder.probe(video)), 48)


@pytest.fixture
def many(moving_square: Path, tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.mp4" for number in range(7)]
    for path in paths:
        os.link(moving_square, path)
    paths[3].unlink()
    paths[3].write_bytes(b"not a video")
    return paths


@pytest.fixture
def decoders() -> Iterator[list[Decoder]]:
    with Decoder() as one, Decoder() as other:
        yield [one, other]


@pytest.mark.parametrize("num_decoders", [1, 2])
def test_videos_come_in_their_order_and_a_damaged_one_says_what_is_wrong(
    many, decoders, num_decoders
):
    found = list(prefetch_clips(many, read_middles, decoders[:num_decoders]))
    assert [path for path, _ in found] == many
    expected = decode.read_frames(many[0], middles(decode.probe(many[0])), 48)
    for place, (path, frames) in enumerate(found):
        if place == 3:
            assert isinstance(frames, ValueError)
            assert str(path) in str(frames)
        else:
            np.testing.assert_array_equal(frames, expected)


def test_no_more_is_read_ahead_than_a_few(many, decoders):
    asked = []

    def videos():
        for path in many:
            asked.append(path)
            yield path

    reading = prefetch_clips(videos(), read_middles, decoders[:1])
    next(reading)
    assert len(asked) <= 3
    reading.close()


def test_whoever_stops_early_leaves_no_thread_behind(many, decoders):
    reading = prefetch_clips(many, read_middles, decoders)
    next(reading)
    reading.close()
    assert not [thread for thread in threading.enumerate() if "Executor" in thread.name]
