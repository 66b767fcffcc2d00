"""Named sources, from a file of cameras or from the command line.

A file of cameras is TOML, a table for each; labels and threshold are optional:

    [door]
    address = "rtsp://192.168.1.20/stream"
    labels = ["delivering a parcel", "falling down"]
    threshold = 0.6
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from actionclip import validation
from actionclip.text import labels as label_lists
from actionclip.text.text_files import read_text
from actionclip.video.connection import parse_address

_NAME = re.compile(r"\w[\w .-]*")


@dataclass(frozen=True)
class Camera:
    """A source, and what to ask of it if not what is asked of all."""

    address: str
    """As `Recognizer.watch` takes it."""
    labels: tuple[str, ...] | None = None
    threshold: float | Literal["auto"] | None = None

    __pydantic_config__ = validation.STRICT

    def check(self, where: str) -> None:
        """Raise ValueError or FileNotFoundError for what cannot be watched, or asked."""
        parse_address(self.address)
        if self.labels is not None:
            label_lists.check(self.labels, f"{where}: labels")
        if isinstance(self.threshold, float) and not 0 <= self.threshold <= 1:
            raise ValueError(f"{where}: threshold: {self.threshold} is no score; give 0 to 1")


def read(path: Path) -> dict[str, Camera]:
    """Read a file of cameras.

    Raises:
        FileNotFoundError: there is no such file, or an address is the path of none.
        ValueError: it is no TOML, holds no camera, or one with an unknown key or a wrong value.
    """
    try:
        tables = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: not TOML: {error}") from error
    if not tables:
        raise ValueError(f'{path}: no camera; add a table: [door] address = "rtsp://..."')
    cameras = {}
    for name, table in tables.items():
        where = f"{path}: {name}"
        if not isinstance(table, dict):
            raise ValueError(f"{where}: no camera; give each a table of its own: [{name}]")
        _check_name(name, str(path))
        cameras[name] = validation.read(Camera, table, where)
        cameras[name].check(where)
    return cameras


def parse(text: str) -> tuple[str, Camera]:
    """Return the name and the camera of `NAME=ADDRESS`.

    Raises:
        FileNotFoundError: the address is the path of no file.
        ValueError: it has no name or no address, or the address cannot be watched.
    """
    name, _, address = text.partition("=")
    if not address or not _NAME.fullmatch(name):
        raise ValueError(f"--source: {text!r} is not NAME=ADDRESS, as door=rtsp://camera/stream")
    camera = Camera(address)
    camera.check(name)
    return name, camera


def unnamed(address: str) -> tuple[str, Camera]:
    """Return a camera and its name: the address, without user, password and query.

    Raises:
        FileNotFoundError: the address is the path of no file.
        ValueError: the address cannot be watched.
    """
    camera = Camera(address)
    camera.check(address)
    if "://" not in address:
        return address, camera
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}", camera


def merge(*groups: list[tuple[str, Camera]]) -> dict[str, Camera]:
    """Return all cameras by name, or raise ValueError if two have the same."""
    cameras: dict[str, Camera] = {}
    for name, camera in (pair for group in groups for pair in group):
        if name in cameras:
            raise ValueError(f"{name!r}: two sources have this name; choose another for one")
        cameras[name] = camera
    return cameras


def _check_name(name: str, where: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{where}: {name!r} is no name; use letters, digits, spaces, - and _")
