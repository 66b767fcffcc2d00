import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from actionclip.video import decode, live
from actionclip.video.connection import Connection, ConnectionLostError, LiveFrames, parse_address

RATE = 10.0
SHORT_SIDE = 32


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write, noisy) -> Path:
    """What the server has: a stream, a file, half a stream, and what leads astray."""
    folder = tmp_path_factory.mktemp("served")
    stream = write(folder / "stream.ts", noisy(), options={"g": "10", "bf": "2"})
    write(folder / "file.mp4", noisy(), options={"bf": "2"})
    data = stream.read_bytes()
    (folder / "broken.0").write_bytes(data[: len(data) * 3 // 4])
    (folder / "broken.1").write_bytes(data[len(data) // 3 :])
    (folder / "page.html").write_text("<html>The camera is not there.</html>")
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:3,\n"
    (folder / "good.m3u8").write_text(f"{head}stream.ts\n#EXT-X-ENDLIST\n")
    (folder / "evil.m3u8").write_text(f"{head}file://{stream}\n#EXT-X-ENDLIST\n")
    return folder


@contextmanager
def serving(script: Path, what: Path) -> Iterator[str]:
    command = [sys.executable, str(script), str(what)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield f"127.0.0.1:{process.stdout.readline().strip()}"
        process.kill()


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    with serving(Path(__file__).parents[1] / "stream_server.py", folder) as place:
        yield f"http://{place}"


def read(
    address: str, *, in_real_time: bool = False, timeout_seconds: float = 5.0
) -> tuple[np.ndarray, str]:
    """The frames that come, and why no more do; read in this process, which is quicker."""
    how = {"in_real_time": in_real_time, "timeout_seconds": timeout_seconds}
    return collect(live.live_frames(parse_address(address), RATE, SHORT_SIDE, **how))


def collect(steps: LiveFrames) -> tuple[np.ndarray, str]:
    frames, last, why = [], None, ""
    try:
        for step, frame in steps:
            assert last is None or step == last + 1
            last = step
            frames.append(frame)
    except ConnectionLostError as lost:
        why = str(lost)
    return np.stack(frames) if frames else np.empty(0), why


def frames_of(path: Path) -> np.ndarray:
    return np.stack([frame for _, frame in decode.stream_frames(path, RATE, SHORT_SIDE)])


@pytest.mark.parametrize("name", ["stream.ts", "file.mp4"])
def test_a_file_gives_the_same_frames_from_disk_and_from_a_server(server, folder, name):
    expected = frames_of(folder / name)
    for address in (str(folder / name), f"{server}/whole/{name}"):
        frames, why = read(address)
        assert why == ""
        assert np.array_equal(frames, expected)


def test_what_came_before_a_connection_broke_is_what_a_file_of_it_gives(server, folder, tmp_path):
    for piece in ("broken.0", "broken.1"):
        stretch = tmp_path / "stretch.ts"
        stretch.write_bytes((folder / piece).read_bytes())
        frames, why = read(f"{server}/pieces/broken")
        expected = frames_of(stretch)
        assert why
        assert len(frames) == len(expected)
        assert np.array_equal(frames[:-1], expected[:-1])  # the last picture may be cut


def test_a_server_that_says_nothing_is_lost_after_the_timeout(server):
    frames, why = read(f"{server}/silent", timeout_seconds=0.5)
    assert len(frames) == 0
    assert why == "nothing came for 0.5 seconds"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("whole/nothing", "server returned 404 Not Found"),
        ("whole/page.html", "what comes is not a video that can be read"),
        ("whole/evil.m3u8", "what comes is not a video that can be read"),
        ("cut/stream.ts", "input/output error"),
    ],
)
def test_what_a_server_does_wrong_is_a_lost_connection(server, path, why):
    assert read(f"{server}/{path}")[1] == why


def test_a_playlist_on_a_server_leads_to_parts_on_that_server(server, folder):
    frames, why = read(f"{server}/whole/good.m3u8")
    assert why == ""
    assert np.array_equal(frames, frames_of(folder / "stream.ts"))


def test_a_port_where_nobody_listens_is_a_lost_connection():
    assert read("rtsp://127.0.0.1:9/camera")[1] == "connection refused"


def test_an_rtsp_server_gives_the_frames_of_the_file(folder):
    with serving(Path(__file__).with_name("rtsp_server.py"), folder / "stream.ts") as place:
        frames, why = read(f"rtsp://{place}/camera")
    assert why
    assert np.array_equal(frames, frames_of(folder / "stream.ts"))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_datagrams_give_the_frames_of_the_file(folder):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def send() -> None:
        data = (folder / "stream.ts").read_bytes()
        while f":{port:04X} " not in Path("/proc/net/udp").read_text():  # until it is listened to
            time.sleep(0.02)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for start in range(0, len(data), 7 * 188):
                sender.sendto(data[start : start + 7 * 188], ("127.0.0.1", port))
                time.sleep(0.002)

    sender = threading.Thread(target=send)
    sender.start()
    frames, why = read(f"udp://127.0.0.1:{port}", timeout_seconds=4.0)
    sender.join()
    assert why == "nothing came for 4 seconds"
    assert np.array_equal(frames, frames_of(folder / "stream.ts"))


def test_a_device_that_is_no_camera_is_a_lost_connection():
    assert read("/dev/null")[1]


def test_frames_of_a_file_come_no_sooner_than_their_times(folder):
    begin = time.monotonic()
    frames, _ = read(str(folder / "stream.ts"), in_real_time=True)
    assert time.monotonic() - begin > (len(frames) - 1) / RATE


def test_a_fifo_is_read_to_its_end(folder, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with subprocess.Popen(["cp", folder / "stream.ts", fifo]):
        frames, why = read(str(fifo))
    assert why == ""
    assert np.array_equal(frames, frames_of(folder / "stream.ts"))


def test_an_open_pipe_is_read_to_its_end_by_the_other_process(folder):
    with subprocess.Popen(["cat", folder / "stream.ts"], stdout=subprocess.PIPE) as cat:
        place = parse_address(f"pipe:{cat.stdout.fileno()}")
        connection = Connection(place, RATE, SHORT_SIDE)
        frames, why = collect(connection.frames())
        connection.close()
    assert why == ""
    assert np.array_equal(frames, frames_of(folder / "stream.ts"))


def test_the_other_process_tells_what_was_lost():
    connection = Connection(parse_address("http://127.0.0.1:9/camera"), RATE)
    assert collect(connection.frames())[1] == "connection refused"
    connection.close()


@pytest.mark.parametrize("playlist", ["good.m3u8", "evil.m3u8"])
def test_a_pipe_that_brings_a_playlist_is_refused(folder, tmp_path, playlist):
    with (
        subprocess.Popen(["cat", folder / playlist], stdout=subprocess.PIPE) as cat,
        pytest.raises(ValueError, match="not a video that can be read"),
    ):
        read(f"pipe:{cat.stdout.fileno()}")


def test_a_connection_is_closed_while_another_thread_waits_for_it(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)  # nobody ever writes
    connection = Connection(parse_address(str(fifo)), RATE)
    timer = threading.Timer(1.0, connection.close)
    timer.start()
    with pytest.raises(ValueError, match="it was closed"):
        list(connection.frames())
    timer.join()


@pytest.mark.parametrize(
    ("address", "kind", "protocols"),
    [
        ("http://host/stream", "network", "http,tcp,https,tls"),
        ("https://host/stream", "network", "https,tls,tcp"),
        ("rtsp://me:secret@host/stream", "network", "rtp,tcp,udp"),
        ("udp://@239.0.0.1:1234", "network", "udp"),
        ("-", "pipe", "pipe"),
        ("/dev/fd/3", "pipe", "pipe"),
    ],
)
def test_only_the_protocols_that_an_address_names_may_be_used(address, kind, protocols):
    parsed = parse_address(address)
    assert (parsed.kind, parsed.protocols) == (kind, protocols)


@pytest.mark.parametrize(
    "address", ["ftp://host/x", "concat://a", "file:///etc/passwd", "crypto+http://host/x"]
)
def test_other_addresses_are_refused(address):
    with pytest.raises(ValueError, match="such addresses are not opened"):
        parse_address(address)


def test_a_camera_of_another_system_is_refused():
    with pytest.raises(ValueError, match="no camera is called so on linux"):
        parse_address("dshow:video=Camera")


def test_a_path_where_nothing_is_is_a_mistake(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file or device"):
        parse_address(str(tmp_path / "video9"))


@pytest.fixture(scope="module")
def jumping(folder) -> Path:
    """The stream twice, the second time with a clock that jumped 50 seconds ahead."""
    later = folder / "later.ts"
    with av.open(str(folder / "stream.ts")) as old, av.open(str(later), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.pts, packet.dts = packet.pts + 90_000 * 50, packet.dts + 90_000 * 50
                packet.stream = stream
                new.mux(packet)
    joined = folder / "jumping.0"
    joined.write_bytes((folder / "stream.ts").read_bytes() + later.read_bytes())
    for number in (1, 2):
        (folder / f"jumping.{number}").write_bytes(joined.read_bytes())
    return joined


def test_where_the_clock_of_a_server_jumps_the_steps_begin_anew(server, folder, jumping):
    expected = frames_of(folder / "stream.ts")
    how = {"in_real_time": False, "timeout_seconds": 5.0}
    steps = live.live_frames(parse_address(f"{server}/pieces/jumping"), RATE, SHORT_SIDE, **how)
    found = []
    with pytest.raises(ConnectionLostError):
        found.extend(steps)
    assert [step for step, _ in found] == 2 * list(range(len(expected)))
    assert np.array_equal([frame for _, frame in found[len(expected) :]], expected)


def test_a_pipe_whose_clock_jumps_has_the_frames_of_a_file_that_holds_the_same(folder, jumping):
    expected = frames_of(jumping)
    assert len(expected) == 2 * len(frames_of(folder / "stream.ts"))
    with subprocess.Popen(["cat", jumping], stdout=subprocess.PIPE) as cat:
        frames, why = read(f"pipe:{cat.stdout.fileno()}")
    assert why == ""
    assert np.array_equal(frames, expected)


def test_a_number_is_the_camera_of_this_number(monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr("actionclip.video.connection.formats_available", {"avfoundation"})
    address = parse_address("1")
    assert (address.kind, address.format, address.url) == ("camera", "avfoundation", "1")


def test_a_file_that_is_called_by_a_number_is_no_camera(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    Path("0").touch()
    assert parse_address("0").kind == "file"
