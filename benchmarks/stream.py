"""A stream with cut connections is watched: reconnects, dropped frames, memory, latency, events.

    python benchmarks/stream.py [--minutes 10] [--cuts 5] [--video bikes.mp4 ...]

A server in another process sends MPEG-TS over HTTP as fast as it plays, as a camera does, and cuts
the connection at random moments; while nobody listens its pictures are lost. It keeps what it sent
on each connection, and afterwards the events of the stream are compared with the timelines of these
files.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import itertools
import multiprocessing
import os
import random
import re
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import av

from actionclip import Recognizer
from actionclip.timeline import file
from actionclip.timeline.moments import Ended, Event, Moment, Slot
from actionclip.timeline.settings import Settings
from actionclip.timeline.watch import Watching, watch
from actionclip.video import decode, timetable
from actionclip.video.connection import parse_address

LABELS = ["driving a taxi", "riding a bicycle", "cooking in a kitchen"]
SETTINGS = Settings()
STRIDE_SECONDS = SETTINGS.stride_steps / SETTINGS.frames_per_second
FRAME_RATE = 25
WIDTH, HEIGHT = 426, 240


def main() -> None:
    """Make the stream, watch it and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--cuts", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="lite")
    parser.add_argument("--video", nargs="+", type=Path, default=[Path("bikes.mp4")])
    chosen = parser.parse_args()
    seconds = 60 * chosen.minutes
    part = seconds / (chosen.cuts + 1)
    chance = random.Random(chosen.seed)
    cuts = [part * (number + chance.uniform(0.8, 1.2)) for number in range(chosen.cuts)]
    recognizer = Recognizer.load(chosen.model)
    score = recognizer.scorer(LABELS, beside_none=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_stream(folder / "stream.ts", chosen.video, seconds)
        here, there = multiprocessing.get_context("spawn").Pipe()
        server = multiprocessing.get_context("spawn").Process(
            target=serve, args=(folder, cuts, there), daemon=True
        )
        server.start()
        address = parse_address(f"http://127.0.0.1:{here.recv()}/stream")
        deadline = time.monotonic() + seconds + 15
        notes: list[str] = []
        memory = Memory()
        times: list[tuple[float, Event]] = []

        def on_note(note: str) -> None:
            print(f"  {time.monotonic() - memory.begin:6.1f} s  {note}", flush=True)
            notes.append(note)

        for event in watch(
            recognizer.model,
            address,
            LABELS,
            score,
            SETTINGS,
            Watching(),
            on_note,
            is_stopped=lambda: time.monotonic() > deadline,
        ):
            times.append((time.monotonic(), event))
        memory.stop()
        start_seconds = here.recv()
        server.terminate()
        offsets = [float(x) for x in re.findall(r"connected; second (\S+) is", "\n".join(notes))]
        stretches = sorted(folder.glob("sent.*.ts"))
        expected = [
            shifted(moment, offset)
            for path, offset in zip(stretches, offsets, strict=False)
            for moment in file.find(recognizer.model, path, LABELS, score, SETTINGS).moments
        ]
        found = sorted(
            (shifted(event.moment, 0) for _, event in times if isinstance(event, Ended)),
            key=lambda moment: (moment.start_seconds, LABELS.index(moment.label)),
        )
        whole = timetable.opening(folder / "stream.ts")
        late = list(latencies(times, stretches, offsets, whole, start_seconds))
    print(f"{chosen.minutes:g} minutes, {chosen.cuts} cuts, model {chosen.model}")
    print(f"connections: {len(stretches)} by the server, {len(offsets)} with frames")
    print(f"dropped frames: {next((n.split()[0] for n in reversed(notes) if 'dropped' in n), 0)}")
    print(f"memory, MiB: {memory}")
    print(
        f"latency from a picture to its final score: median {statistics.median(late):.2f} s, "
        f"most {max(late):.2f} s; {max(SETTINGS.window_seconds) - STRIDE_SECONDS:g} s "
        "are the windows that follow"
    )
    print(f"moments: {len(found)}, as in the files: {found == expected} ({len(expected)})")
    for moment in expected:
        if moment not in found:
            print(f"  only in the files: {moment}")
    for moment in found:
        if moment not in expected:
            print(f"  only in the stream: {moment}")


def write_stream(path: Path, videos: list[Path], seconds: float) -> None:
    """Write these videos one after the other, again and again, until it is long enough."""
    num_frames = round(seconds * FRAME_RATE)
    pictures = (
        frame
        for video in itertools.cycle(videos)
        for _, frame in decode.stream_frames(video, FRAME_RATE, HEIGHT)
    )
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "g": str(2 * FRAME_RATE)}
        stream = container.add_stream("libx264", rate=FRAME_RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for picture in itertools.islice(pictures, num_frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame.reformat(WIDTH, HEIGHT)))
        container.mux(stream.encode())


def serve(folder: Path, cuts: list[float], answers: Connection) -> None:
    """Send the stream to whoever asks, from the picture that is due."""
    with av.open(str(folder / "stream.ts")) as container:
        stream = container.streams.video[0]
        packets = [
            (float(packet.dts * packet.time_base), packet.pos)
            for packet in container.demux(stream)
            if packet.dts is not None and packet.pos is not None
        ]
    first = packets[0][0]
    packets = [(seconds - first, position) for seconds, position in packets]
    data = (folder / "stream.ts").read_bytes()
    ends = [position for _, position in packets[1:]] + [len(data)]
    numbers = itertools.count()
    begin: list[float] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not begin:
                begin.append(time.monotonic())
            now = time.monotonic() - begin[0]
            if now > packets[-1][0]:
                self.send_error(404)
                return
            cut = next((cut for cut in cuts if cut > now), float("inf"))
            self.send_response(200)
            self.end_headers()
            with (folder / f"sent.{next(numbers)}.ts").open("wb") as copy:
                for (seconds, position), end in zip(packets, ends, strict=True):
                    if seconds < now:
                        continue
                    if seconds > cut:
                        break
                    time.sleep(max(0.0, begin[0] + seconds - time.monotonic()))
                    copy.write(data[position:end])
                    self.wfile.write(data[position:end])
            if cut == float("inf"):
                answers.send(begin[0])

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    answers.send(server.server_address[1])
    server.serve_forever()


def shifted(moment: Moment, seconds: float) -> Moment:
    """Give the same moment so much later, rounded: times are sums of steps."""
    start, end = round(moment.start_seconds + seconds, 6), round(moment.end_seconds + seconds, 6)
    return Moment(start, end, moment.label, moment.score)


def latencies(
    times: list[tuple[float, Event]],
    stretches: list[Path],
    offsets: list[float],
    whole: timetable.Opening,
    start: float,
) -> Iterator[float]:
    """Say how long after its last picture was sent each slot was known."""
    for known, event in times:
        if not isinstance(event, Slot):
            continue
        number = max(i for i, offset in enumerate(offsets) if event.start_seconds >= offset)
        opening = timetable.opening(stretches[number])
        shown = (opening.first_tick - whole.first_tick) * opening.seconds_per_tick
        yield known - (start + float(shown) + event.end_seconds - offsets[number])


class Memory:
    """Resident memory of this process and of the decoding process, taken every second."""

    def __init__(self) -> None:
        self.begin = time.monotonic()
        self._taken: dict[str, list[float]] = {"this process": [], "decoding process": []}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more."""
        self._stopped.set()
        self._thread.join()

    def __str__(self) -> str:
        return "; ".join(
            f"{name} {taken[min(20, len(taken) - 1)]:.0f} after 20 s, {taken[-1]:.0f} at the end, "
            f"{max(taken):.0f} at most"
            for name, taken in self._taken.items()
        )

    def _watch(self) -> None:
        while not self._stopped.wait(1):
            self._taken["this process"].append(resident_mebibytes(os.getpid()))
            with contextlib.suppress(FileNotFoundError):  # threads and processes end meanwhile
                for children in Path("/proc/self/task").glob("*/children"):
                    for pid in children.read_text().split():
                        if b"actionclip.video.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                            taken = resident_mebibytes(int(pid))
                            self._taken["decoding process"].append(taken)


def resident_mebibytes(pid: int) -> float:
    """Read how much memory a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
