"""Many videos are read while others are looked at: paths go in, frames come out, in their order.

Several decoding processes are at work (`limits`), and a few videos at most lie finished, so that
memory does not grow with their number. Knows no models.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from actionclip import ahead
from actionclip.video.decode import VideoInfo
from actionclip.video.limits import Decoder

Frames = UInt8[np.ndarray, "T H W 3"]
_FINISHED_PER_DECODER = 2


def read_ahead(
    videos: Iterable[Path],
    choose: Callable[[VideoInfo], np.ndarray],
    short_side: int,
    decoders: Sequence[Decoder],
) -> Iterator[tuple[Path, Frames | Exception]]:
    """Read some frames of each video.

    Args:
        videos: files.
        choose: says which frames of a video are wanted, by their numbers.
        short_side: to which frames are scaled while they are decoded.
        decoders: decode, each one video at a time; nobody else may use them meanwhile.

    Yields:
        Each video with its frames, (T, H, W, 3); or with what is wrong with it, a ValueError or
        an OSError.
    """
    idle = queue.SimpleQueue[Decoder]()
    for decoder in decoders:
        idle.put(decoder)

    def read(video: Path) -> tuple[Path, Frames | Exception]:
        decoder = idle.get()
        try:
            numbers = choose(decoder.probe(video))
            return video, decoder.read_frames(video, numbers, short_side)
        except (ValueError, OSError) as error:
            return video, error
        finally:
            idle.put(decoder)

    with ThreadPoolExecutor(len(decoders)) as threads:
        yield from ahead.work(read, videos, threads, len(decoders) * _FINISHED_PER_DECODER)
