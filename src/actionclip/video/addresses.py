"""What people name to be watched becomes an address: how to open it, by which protocols.

FFmpeg is allowed the protocols that an address itself names and no others, so that nothing that a
server sends can make it open a file, a device or another kind of connection. An HTTP address may
lead to a playlist of parts (HLS), which are then fetched by HTTP too. Opens nothing.
"""

from __future__ import annotations

import re
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from av import formats_available

from actionclip.video import source

Kind = Literal["file", "pipe", "camera", "network"]

_PROTOCOLS = {
    "http": "http,tcp,https,tls",  # a server may send on to where it is encrypted
    "https": "https,tls,tcp",
    "rtsp": "rtp,tcp,udp",
    "udp": "udp",
}
_OPTIONS = {
    "rtsp": {"rtsp_flags": "prefer_tcp"},  # loses nothing; UDP if the server wants that
    "udp": {"overrun_nonfatal": "1"},  # what comes too fast is lost, as from any camera
}
_CAMERAS = ("avfoundation", "dshow")
"""How FFmpeg calls the cameras of macOS and Windows."""
_PIPE = re.compile(r"(?:pipe:|/dev/fd/|/proc/self/fd/)(\d+)")


@dataclass(frozen=True)
class Address:
    """Something that can be watched."""

    text: str
    """As it was given."""
    kind: Kind
    url: str
    """As FFmpeg takes it."""
    protocols: str = "none"
    """That FFmpeg may use."""
    formats: str | None = source.FORMATS
    """That may be found there."""
    format: str | None = None
    """Where it cannot be found out."""
    options: dict[str, str] = field(default_factory=dict)
    descriptor: int | None = None
    """Of a pipe that is open already."""

    @property
    def is_endless(self) -> bool:
        """An end is a lost connection."""
        return self.kind in ("camera", "network")


def parse(text: str) -> Address:
    """Find out what is named.

    Args:
        text: a path of a file, a FIFO or a camera; an address such as `rtsp://host/stream`; `-` for
            standard input.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is nothing that can be watched.
    """
    if match := _PIPE.fullmatch("pipe:0" if text in ("-", "/dev/stdin") else text):
        return Address(text, "pipe", f"pipe:{match[1]}", "pipe", descriptor=int(match[1]))
    scheme, separator, rest = text.partition(":")
    if separator and scheme in _CAMERAS:
        return _camera(text, scheme, rest)
    if rest.startswith("//"):
        if scheme not in _PROTOCOLS:
            known = ", ".join(f"{name}://" for name in _PROTOCOLS)
            raise ValueError(f"{scheme}://: such addresses are not opened; known are {known}")
        playlists = ",hls" if scheme in ("http", "https") else ""
        return Address(
            text,
            "network",
            text,
            _PROTOCOLS[scheme],
            source.FORMATS + playlists,
            options=_OPTIONS.get(scheme, {}),
        )
    return _path(text)


def _path(text: str) -> Address:
    path = Path(text)
    if not path.exists():
        raise FileNotFoundError(f"{text}: no such file or device; check the path")
    mode = path.stat().st_mode
    if stat.S_ISCHR(mode):
        return _camera(text, "v4l2", text)
    if stat.S_ISFIFO(mode):
        return Address(text, "pipe", "", "pipe")  # who opens it waits until somebody writes
    return Address(text, "file", text)


def _camera(text: str, format: str, name: str) -> Address:
    available = {part for names in formats_available for part in names.split(",")}
    if format not in available:
        raise ValueError(
            f"{text}: no camera is called so on {sys.platform}; they are /dev/video0 on Linux, "
            "avfoundation:0 on macOS, dshow:video=NAME on Windows"
        )
    return Address(text, "camera", name, formats=None, format=format)
