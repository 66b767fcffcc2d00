"""Settings of the service: where it listens, who may use it, and how much one client may take."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from actionclip.text import actions, label_sets
from actionclip.text.actions import Label

MIN_TOKEN_LENGTH = 32
TOKEN_VARIABLE = "ACTIONCLIP_SERVE_TOKEN"
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True)
class Limits:
    """How much clients may take; beyond it they get an error that says so."""

    upload_bytes: int = 2 * 2**30
    """Of one uploaded video."""
    stored_bytes: int = 20 * 2**30
    """Of all uploaded videos together."""
    stored_videos: int = 1000
    uploads: int = 16
    """At the same time."""
    body_bytes: int = 2**20
    """Of a request without a file."""
    fields: int = 2000
    """Of a form, and labels of a question."""
    field_bytes: int = 2**16
    grace_seconds: float = 10.0
    """A request body may take this long, and longer by a second for each `min_bytes_per_second`
    that came."""
    min_bytes_per_second: int = 4096
    header_seconds: float = 10.0
    """From the first byte of a request, or from the connection, until its headers are complete."""
    send_seconds: float = 30.0
    """A client that takes nothing of its response for so long is cut."""
    connections: int = 512
    queue: int = 32
    """Requests that wait for a worker; further ones get 429."""
    workers: int = max(2, os.cpu_count() or 1)
    """Requests that are computed at the same time."""
    wait_seconds: float = 30.0
    """A request waits so long for its result; then the response is the job."""
    job_seconds: float = 3600.0
    """A job that runs longer fails."""
    keep_seconds: float = 3600.0
    """Results of jobs, and uploads nobody uses, are kept for so long."""
    kept_jobs: int = 200
    stop_seconds: float = 30.0
    """Running jobs may take so long after SIGTERM."""


@dataclass(frozen=True)
class Settings:
    """What the service was started with."""

    model: str = "lite"
    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    """Clients must send it. None: only clients of this machine are served."""
    allowed_hosts: frozenset[str] = frozenset()
    """Names, besides addresses, under which clients reach the service, without port."""
    label_sets: Mapping[str, Sequence[Label]] = field(default_factory=dict)
    """Labels that clients may ask by name, besides those of benchmarks."""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        """Refuse to serve other machines without a token."""
        if self.token is None and not is_loopback(self.host):
            raise ValueError(
                f"--host {self.host}: other machines could use this service; give a token of "
                f"{MIN_TOKEN_LENGTH} characters or more by --token-file or {TOKEN_VARIABLE}"
            )
        if self.token is not None:
            check_token(self.token, "token")

    def accepts_host(self, name: str) -> bool:
        """Return whether the host of a request, without port, is one of ours.

        A name that an attacker points to this machine (DNS rebinding) is not. Without a token these
        are the names of this machine for itself; with one, any address and the given names.
        """
        name = name.lower()
        if name in _LOCAL_NAMES or name in self.allowed_hosts:
            return True
        if self.token is None:
            return False
        own = {self.host.lower(), socket.gethostname().lower()}
        return name in own or _is_address(name.strip("[]"))


def read_label_sets(files: Sequence[Path]) -> dict[str, Sequence[Label]]:
    """Read label files and files of actions; each is called as its file, without the ending.

    Raises:
        FileNotFoundError: there is no such file, or an example is none.
        ValueError: a file holds no labels, or two sets have the same name.
    """
    found: dict[str, Sequence[Label]] = {}
    for file in files:
        if file.stem in found or file.stem in label_sets.NAMES:
            raise ValueError(f"{file}: there is a label set {file.stem!r} already; rename the file")
        found[file.stem] = actions.find(str(file))
    return found


def is_loopback(host: str) -> bool:
    """Return whether only programs of this machine reach this host."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def read_token(file: Path | None) -> str | None:
    """Return the token of a file, or of the environment, or None if there is neither.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the token is too short, or holds other than visible ASCII characters.
    """
    if file is not None:
        if not file.is_file():
            raise FileNotFoundError(f"{file}: no such file; write a token into it, on one line")
        return check_token(file.read_text(encoding="utf-8", errors="replace").strip(), str(file))
    token = os.environ.get(TOKEN_VARIABLE)
    return None if token is None else check_token(token, TOKEN_VARIABLE)


def check_token(token: str, where: str) -> str:
    """Return a token that is long enough, or raise ValueError."""
    if len(token) < MIN_TOKEN_LENGTH:
        raise ValueError(
            f"{where}: the token has {len(token)} characters; give {MIN_TOKEN_LENGTH} or more, for "
            "instance those of `openssl rand -hex 32`"
        )
    if not all("!" <= character <= "~" for character in token):
        raise ValueError(f"{where}: a token is visible ASCII without spaces; choose another")
    return token


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
