"""An address is read in a process of its own: its frames come as they do there, until it is closed.

Whatever hangs there can be ended from here, by any thread. Knows nothing of how addresses are read
and nothing of connecting again.
"""

from __future__ import annotations

import dataclasses
import math
import os

from actionclip.video.addresses import Address
from actionclip.video.child_process import ChildProcess, EndedError
from actionclip.video.limits import Limits
from actionclip.video.live import ConnectionLostError, Frames


class Connection:
    """One connection to an address; the process ends with it."""

    def __init__(
        self,
        address: Address,
        frames_per_second: float,
        short_side: int | None = None,
        *,
        in_real_time: bool = True,
        timeout_seconds: float = 10.0,
    ) -> None:
        """Start the process, and do not wait until it is ready.

        Args:
            address: where to read.
            frames_per_second: how many frames to give for each second.
            short_side: scale the frames to this short side; by default they keep their size.
            in_real_time: give the frames of a file no sooner than their times say.
            timeout_seconds: a camera or a server may be silent for so long.
        """
        self._address = address
        inherited = [] if address.descriptor is None else [os.dup(address.descriptor)]
        self._question = {
            "address": address.text,
            "descriptor": inherited[0] if inherited else None,
            "frames_per_second": frames_per_second,
            "short_side": short_side,
            "in_real_time": in_real_time,
            "timeout_seconds": timeout_seconds,
        }
        # The process watches the time itself; this is for a driver that does not come back.
        hangs = 3 * timeout_seconds + 2 / frames_per_second
        limits = Limits(stall_seconds=hangs if address.is_endless else math.inf)
        try:
            self._child = ChildProcess(dataclasses.asdict(limits), inherited)
        finally:
            for descriptor in inherited:
                os.close(descriptor)

    def frames(self) -> Frames:
        """Give the frames as they come, with their steps (see `live.live_frames`).

        Raises:
            ConnectionLostError: a camera or a server gives nothing more.
            ValueError: a file or a pipe gives no video.
        """
        try:
            for about, frame in self._child.ask("live_frames", self._address.text, self._question):
                if "lost" in about:
                    raise ConnectionLostError(about["lost"])
                yield about["step"], frame
        except (EndedError, FileNotFoundError) as error:  # a camera may be unplugged
            if self._address.is_endless:
                raise ConnectionLostError(str(error)) from None
            raise ValueError(f"{self._address.text}: {error}") from None

    def close(self) -> None:
        """End the process, even while another thread waits for it."""
        self._child.end("it was closed")
