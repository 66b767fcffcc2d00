"""Overlapping windows of a long video: our way against encoding each window anew, in one run.

    python benchmarks/timeline.py [--minutes 10] [--window 1 --window 2 --window 4] [--threads 2]
    python benchmarks/timeline.py --hours 1

Drifting textures with a change of shot every seven seconds, the model `lite`, eight frames a
window. Both ways see the same frames of the same windows. Encoding anew decodes around each window
and puts its frames through the tower; ours reads the video through once and looks at each frame
once. With --hours, memory is printed as the video goes by; it must not grow. There the tower is a
stand-in that is quick and gives features of the same size.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import av
import numpy as np
import psutil
import torch
from torch import Tensor

from actionclip.core import context, encode
from actionclip.recognizer import Recognizer
from actionclip.timeline import engine
from actionclip.timeline.settings import Settings
from actionclip.video import decode, transforms

LABELS = ["riding a bicycle", "cooking", "playing the guitar", "digging a hole"]
_FRAME_RATE = 25
_SECONDS_PER_SHOT = 7
_MEGABYTE = 2**20
NUM_DECODED = 8
"""Frames of which one is kept for the tower alone."""


def make_video(path: Path, seconds: float, width: int, height: int) -> None:
    """Write drifting textures, another one in each shot."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=_FRAME_RATE, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        texture = np.zeros((height, 2 * width, 3), np.uint8)
        for number in range(round(seconds * _FRAME_RATE)):
            shot, drift = divmod(number, _SECONDS_PER_SHOT * _FRAME_RATE)
            if drift == 0:
                coarse = np.random.default_rng(shot).integers(0, 256, (height // 8, width // 4, 3))
                texture = coarse.repeat(8, 0).repeat(8, 1).astype(np.uint8)
            picture = np.ascontiguousarray(texture[:, drift % width :][:, :width])
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@torch.inference_mode()
def encode_each_window(recognizer: Recognizer, video: Path, settings: Settings) -> int:
    """Decode and encode every window by itself, and score it; gives their number."""
    model = recognizer.model
    score = recognizer.scorer(LABELS, beside_none=True)
    short_side, image_size = model.encoder.short_side, model.encoder.image_size
    rate, stride = settings.frames_per_second, settings.stride_steps
    num_slots = int(decode.probe(video).duration_seconds * rate) // stride
    found = [
        window
        for slots in range(1, num_slots + 1)
        for window in engine.windows_ending_with(slots, settings.window_slots)
    ]
    for first_slot, end_slot in found:
        steps = engine.clip_steps(first_slot * stride, end_slot * stride, model.config.num_frames)
        seconds = [step / rate for step in steps]
        frames = decode.read_frames_at(video, seconds, short_side)
        clip = transforms.test_clip(frames, short_side, image_size)
        score(model.embed_clips(clip[None].to(model.logit_scale.device)))
    return len(found)


def compare(video: Path, settings: Settings) -> None:
    """Print how long both ways take, and what another question to the same video takes."""
    recognizer = Recognizer.load("lite", precision="fp32")
    recognizer.embed_labels(LABELS)

    start = time.perf_counter()
    recognizer.find_moments(video, LABELS, settings=settings)
    once = time.perf_counter() - start
    start = time.perf_counter()
    recognizer.find_moments(video, LABELS[:2], settings=settings)
    again = time.perf_counter() - start
    start = time.perf_counter()
    num_windows = encode_each_window(recognizer, video, settings)
    anew = time.perf_counter() - start

    lengths = " and ".join(f"{seconds:g}" for seconds in settings.window_seconds)
    stride_seconds = settings.stride_steps / settings.frames_per_second
    print(f"{num_windows} windows of {lengths} s, every {stride_seconds:g} s")
    print(f"each window anew     {anew:9.2f} s")
    print(f"timeline             {once:9.2f} s: {anew / once:.1f} times faster")
    print(f"another question     {again:9.2f} s: {anew / again:.0f} times faster")
    decoding, looking = profile(recognizer, video, settings)
    print(
        f"each part alone      decoding {decoding:.2f} s, the tower {looking:.2f} s, windows and "
        f"scores {again:.2f} s; the first two run side by side"
    )


def profile(recognizer: Recognizer, video: Path, settings: Settings) -> tuple[float, float]:
    """Time decoding a video, and the tower on as many frames, one after the other."""
    model, rate = recognizer.model, settings.frames_per_second
    start = time.perf_counter()
    fine_rate = rate * context.frames_per_step(model, rate)
    frames = decode.stream_frames(video, fine_rate, model.encoder.short_side)
    some = [frame for number, (_, frame) in enumerate(frames) if number % NUM_DECODED == 0]
    decoding = time.perf_counter() - start
    at_once = encode.max_frames(model)
    start = time.perf_counter()
    repeated = list(enumerate(np.repeat(np.stack(some), NUM_DECODED, axis=0)))
    batches = [repeated[first : first + at_once] for first in range(0, len(repeated), at_once)]
    for _ in context.encode_steps(model, batches, rate):
        pass
    return decoding, time.perf_counter() - start


def stand_in(clips: Tensor) -> Tensor:
    """Give features as large as those of `lite`, (B, T, 1280), from a few pixels of each frame."""
    return clips[..., ::10, ::10].flatten(2)[..., :1280]


def watch_memory(video: Path, settings: Settings, seconds: float) -> None:
    """Print the memory of this process at every tenth of the video."""
    recognizer = Recognizer.load("lite", precision="fp32")
    recognizer.model.encoder.vision_features = stand_in
    process = psutil.Process()
    every = max(1, round(seconds * settings.frames_per_second / 10))
    told = 0

    def on_progress(num_steps: int) -> None:
        nonlocal told
        if num_steps // every > told:
            told = num_steps // every
            minutes = num_steps / settings.frames_per_second / 60
            memory = process.memory_info()
            own, mapped = memory.rss - memory.shared, memory.shared
            print(
                f"{minutes:6.1f} min: {own / _MEGABYTE:7.1f} MiB of its own, "
                f"{mapped / _MEGABYTE:7.1f} MiB of files that the system may take back",
                flush=True,
            )

    start = time.perf_counter()
    recognizer.find_moments(video, LABELS, settings=settings, on_progress=on_progress)
    print(f"{time.perf_counter() - start:.0f} s; from the cache:")
    told = 0
    recognizer.find_moments(video, LABELS, settings=settings, on_progress=on_progress)


def main() -> None:
    """Make the video and print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--window", type=float, action="append", help="seconds; several at once")
    parser.add_argument("--stride", type=float, help="seconds; by default one frame")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--hours", type=float, help="watch the memory over so many hours instead")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    settings = Settings(
        window_seconds=tuple(arguments.window or Settings.window_seconds),
        stride_seconds=arguments.stride,
        cuts=False,  # encoding anew knows of none
    )
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder  # nothing is known before
        video = Path(folder, "video.mp4")
        if arguments.hours:
            seconds = arguments.hours * 3600
            make_video(video, seconds, 64, 48)
            watch_memory(video, settings, seconds)
        else:
            make_video(video, arguments.minutes * 60, 320, 240)
            compare(video, settings)


if __name__ == "__main__":
    main()
