import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import av
import pytest
import typer
from typer.testing import CliRunner

from actionclip.cli.watch import watch

LABELS = ("a square that moves", "cooking in a kitchen")


@pytest.fixture
def start(tmp_path_factory) -> Iterator[object]:
    """Start the program in a process of its own."""
    started: list[subprocess.Popen[str]] = []
    cache = tmp_path_factory.getbasetemp() / "cache"  # of features: for all tests

    def start(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "actionclip.cli", "watch", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "XDG_CACHE_HOME": str(cache), "OMP_NUM_THREADS": "1"},
        )
        started.append(process)
        return process

    timer = threading.Timer(120, lambda: [process.kill() for process in started])
    timer.start()
    yield start
    timer.cancel()
    for process in started:
        process.kill()
        process.communicate()


def test_every_event_is_a_line_of_json_and_an_end_is_a_moment(start, moving_square):
    process = start(moving_square, *LABELS, "--no-realtime", "--threshold", "0.001")
    out, err = process.communicate(timeout=120)
    events = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 0, err
    assert {event["event"] for event in events} == {"started", "ended"}
    for event in events:
        if event["event"] == "ended":
            keys = ["event", "source", "time", "start_seconds", "end_seconds", "label", "score"]
            assert list(event) == keys
            assert 0 <= event["start_seconds"] < event["end_seconds"] <= 2
            assert event["label"] in LABELS
        else:
            assert list(event) == ["event", "source", "time", "start_seconds", "label"]
        assert event["source"] == str(moving_square)
        assert datetime.fromisoformat(event["time"]).utcoffset() is not None
    assert "note: connected; second 0 is " in err


def test_several_sources_are_watched_and_one_that_fails_does_not_end_the_others(
    start, moving_square, tmp_path
):
    broken, got, clips = tmp_path / "broken.mp4", tmp_path / "got.jsonl", tmp_path / "clips"
    broken.write_text("no video")
    cameras = tmp_path / "cameras.toml"
    cameras.write_text(
        f"[yard]\naddress = {json.dumps(str(moving_square))}\nlabels = ['a square that moves']\n"
        "threshold = 0.001\n"
    )
    code = f"import sys; open({str(got)!r}, 'a').write(sys.stdin.read())"
    command = shlex.join([sys.executable, "-c", code])
    process = start(
        *("--source", f"door={moving_square}", "--source", f"gate={broken}"),
        *("--cameras", cameras, *LABELS, "--no-realtime", "--threshold", "0.001"),
        *("--exec", command, "--clips", clips),
    )
    out, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert f"error: gate: {broken}: " in err
    events = [json.loads(line) for line in out.splitlines()]
    assert {event["source"] for event in events if event["event"] == "ended"} == {"door", "yard"}
    assert [event["source"] for event in events if event["event"] == "failed"] == ["gate"]
    assert {event["label"] for event in events if event["source"] == "yard"} == {LABELS[0]}
    assert got.read_text() == out
    recorded = {event["clip"] for event in events if event["event"] == "ended"}
    assert recorded == {str(path) for path in clips.iterdir()}


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_a_signal_ends_what_is_open_with_status_0(start, tmp_path, moving_square, number):
    stream = tmp_path / "stream.ts"
    repeat(moving_square, stream, 8)
    process = start("-", *LABELS, "--threshold", "0.001", "--stride", "0.25", "--window", "0.5")
    process.stdin.buffer.write(stream.read_bytes())
    process.stdin.flush()  # the writer stays: nothing more comes, and no end
    first = json.loads(process.stdout.readline())
    assert first["event"] == "started"
    child = children_of(process.pid)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["event"] == "ended"
    assert "Traceback" not in err
    assert child
    assert not [pid for pid in child if is_running(pid)]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("nowhere.mp4", "knitting"), "nowhere.mp4: no such file"),
        (("ftp://host/video", "knitting"), "ftp://: such addresses are not opened"),
        (("987", "knitting"), "/dev/video987: no such file or device"),
        (("-",), "label"),
        (("-", "knitting", "--rate", "0"), "frames_per_second"),
        ((), "there is no source; give an address, --source or --cameras"),
        (("--source", "door", "knitting"), "'door' is not NAME=ADDRESS"),
        (("--source", "a=-", "--source", "a=-", "knitting"), "'a': two sources have this name"),
        (("--source", "a=-"), "label"),
        (("--cameras", "nowhere.toml", "knitting"), "nowhere.toml: no such file"),
        (("-", "udp://host:1", "ftp://host", "knitting"), "ftp://: such addresses are not opened"),
        (("-", "--label", "knitting", "nowhere"), "nowhere: no such file"),
        (("-", "knitting", "--exec", "no-such-program"), "--exec: 'no-such-program'"),
        (("-", "knitting", "--exec", "'"), '--exec: "\'": a quotation mark lacks its partner'),
        (("-", "knitting", "--webhook", "host/path"), "--webhook: 'host/path' is no http"),
        (("-", "knitting", "--clips", "no/such/clips"), "make it first"),
    ],
)
def test_mistakes_are_told_before_a_model_is_loaded(arguments, complaint):
    app = typer.Typer()
    app.command()(watch)
    outcome = CliRunner().invoke(app, arguments)
    assert isinstance(outcome.exception, ValueError | FileNotFoundError)
    assert complaint in str(outcome.exception)


def repeat(source: Path, target: Path, num_times: int) -> None:
    """Write two seconds of video several times, one after the other."""
    with av.open(str(target), "w") as new:
        stream = None
        for number in range(num_times):
            with av.open(str(source)) as old:
                stream = stream or new.add_stream_from_template(old.streams.video[0])
                for packet in old.demux(video=0):
                    if packet.size:
                        shift = round(2 * number / packet.time_base)
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = stream
                        new.mux(packet)


def children_of(pid: int) -> list[int]:
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for children in lists for child in children.read_text().split()]


def is_running(pid: int) -> bool:
    deadline = time.monotonic() + 120  # only ends a hang
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > deadline:
            return True
        time.sleep(0.05)
    return False
