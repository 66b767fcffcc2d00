"""Cameras, servers, pipes and files are watched: an address is parsed, and read in its own process.

FFmpeg is allowed the protocols that the address itself names and no others, so that nothing that a
server sends can make it open a file, a device or another kind of connection. An HTTP address may
lead to a playlist of segments (HLS), which are then fetched by HTTP too. `live` reads the address.
"""

from __future__ import annotations

import dataclasses
import math
import os
import re
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from av import formats_available

from actionclip.video.child_process import ChildProcess, ConnectionLostError, EndedError
from actionclip.video.decode import Frame, Limits

LiveFrames = Iterator[tuple[int, Frame]]
"""Steps, increasing by 1, and the frames then on screen; from 0 again after a jump of the clock."""

_PROTOCOLS = {
    "http": "http,tcp,https,tls",  # a server may redirect to where it is encrypted
    "https": "https,tls,tcp",
    "rtsp": "rtp,tcp,udp",
    "udp": "udp",
}
_OPTIONS = {
    "rtsp": {"rtsp_flags": "prefer_tcp"},  # loses no packets; UDP if the server requires it
    "udp": {"overrun_nonfatal": "1"},  # packets that come too fast are dropped
}
_CAMERAS = ("avfoundation", "dshow")  # FFmpeg's names for the cameras of macOS and Windows
_NUMBERED = {"linux": "/dev/video{}", "darwin": "avfoundation:{}"}
"""The camera of a number, as `watch 0` means it."""
_PIPE = re.compile(r"(?:pipe:|/dev/fd/|/proc/self/fd/)(\d+)")


@dataclass(frozen=True)
class Address:
    """Something that can be watched."""

    text: str
    """As given by the user."""
    kind: Literal["file", "pipe", "camera", "network"]
    url: str
    """For FFmpeg."""
    protocols: str = "none"
    """That FFmpeg may use."""
    format: str | None = None
    """Of a camera; elsewhere FFmpeg detects it."""
    options: dict[str, str] = field(default_factory=dict)
    descriptor: int | None = None
    """Of a pipe that is already open."""

    @property
    def is_endless(self) -> bool:
        """Its end is a lost connection."""
        return self.kind in ("camera", "network")


def parse_address(text: str) -> Address:
    """Parse the path of a file, a FIFO or a camera, an `rtsp://host/stream`, or `-` for stdin.

    A number alone is the camera of this number (Linux, macOS), unless a file is called so.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be watched.
    """
    if match := _PIPE.fullmatch("pipe:0" if text in ("-", "/dev/stdin") else text):
        return Address(text, "pipe", f"pipe:{match[1]}", "pipe", descriptor=int(match[1]))
    if re.fullmatch(r"[0-9]{1,3}", text) and sys.platform in _NUMBERED and not Path(text).exists():
        text = _NUMBERED[sys.platform].format(int(text))
    scheme, separator, rest = text.partition(":")
    if separator and scheme in _CAMERAS:
        return _camera(text, scheme, rest)
    if rest.startswith("//"):
        if scheme not in _PROTOCOLS:
            known = ", ".join(f"{name}://" for name in _PROTOCOLS)
            raise ValueError(f"{scheme}://: such addresses are not opened; known are {known}")
        options = _OPTIONS.get(scheme, {})
        return Address(text, "network", text, _PROTOCOLS[scheme], options=options)
    path = Path(text)
    if not path.exists():
        raise FileNotFoundError(f"{text}: no such file or device; check the path")
    mode = path.stat().st_mode
    if stat.S_ISCHR(mode):
        return _camera(text, "v4l2", text)
    if stat.S_ISFIFO(mode):
        return Address(text, "pipe", "", "pipe")  # opening it waits until somebody writes
    return Address(text, "file", text)


class Connection:
    """One connection to an address. Its process ends with it."""

    def __init__(
        self,
        address: Address,
        frames_per_second: float,
        short_side: int | None = None,
        *,
        in_real_time: bool = True,
        timeout_seconds: float = 10.0,
    ) -> None:
        """Start the process without waiting until it is ready.

        Args:
            address: where to read.
            frames_per_second: how many frames to return for each second.
            short_side: scale the frames to this short side; by default they are not scaled.
            in_real_time: return the frames of a file no sooner than their times.
            timeout_seconds: how long a camera or a server may be silent.
        """
        inherited = [] if address.descriptor is None else [os.dup(address.descriptor)]
        if inherited:
            address = dataclasses.replace(address, url=f"pipe:{inherited[0]}")
        self._address = address
        self._arguments = {
            "address": dataclasses.asdict(address),
            "frames_per_second": frames_per_second,
            "short_side": short_side,
            "in_real_time": in_real_time,
            "timeout_seconds": timeout_seconds,
        }
        # The process has the timeout itself; this is for a driver that does not return.
        hangs = 3 * timeout_seconds + 2 / frames_per_second
        limits = Limits(stall_seconds=hangs if address.is_endless else math.inf)
        try:
            self._child = ChildProcess(dataclasses.asdict(limits), inherited)
        finally:
            for descriptor in inherited:
                os.close(descriptor)

    def frames(self) -> LiveFrames:
        """Yield the steps and frames as they arrive.

        Raises:
            ConnectionLostError: a camera or a server sends nothing more.
            ValueError: a file or a pipe holds no video.
        """
        text = self._address.text
        try:
            yield from self._child.request("live_frames", text, self._arguments)
        except (EndedError, FileNotFoundError) as error:  # a camera may be unplugged
            if self._address.is_endless:
                raise ConnectionLostError(str(error)) from None
            raise ValueError(f"{text}: {error}") from None

    def close(self) -> None:
        """End the process, even while another thread waits for a frame."""
        self._child.end("it was closed")


def _camera(text: str, format: str, name: str) -> Address:
    available = {part for names in formats_available for part in names.split(",")}
    if format not in available:
        raise ValueError(
            f"{text}: no camera is called so on {sys.platform}; they are /dev/video0 on Linux, "
            "avfoundation:0 on macOS, dshow:video=NAME on Windows"
        )
    return Address(text, "camera", name, format=format)
