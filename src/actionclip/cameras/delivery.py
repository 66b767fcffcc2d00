"""Events are handed to a program or posted to an address, in threads of their own.

A receiver that is slow or gone never delays recognition: events wait in a bounded queue, from which
the oldest are dropped. Each try has a time limit. Nothing is sent but to the receivers given.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

_MAX_WAITING = 1000
"""Events that a receiver has not taken yet."""
_COMMAND_SECONDS = 30.0
_POST_SECONDS = 10.0
_TRIES = 6
_FIRST_WAIT_SECONDS = 1.0
"""After the first try that failed; doubled each time."""
_POLL_SECONDS = 0.1
_END_SECONDS = 10.0
"""At the end, what waits has so long to be delivered."""
_BUSY = (408, 425, 429)
"""Statuses of HTTP below 500 after which another try may succeed."""


_HANDLERS = (
    urllib.request.ProxyHandler,
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPErrorProcessor,
    urllib.request.HTTPDefaultErrorHandler,
)
"""None follows a redirect: it would make a GET of a POST, and lead to an address not given."""


class DeliveryError(Exception):
    """An event was not taken; the message says why."""

    def __init__(self, why: str, *, is_final: bool = False) -> None:
        """Say why, and whether another try would be of no use."""
        super().__init__(why)
        self.is_final = is_final


Deliver = Callable[[str, threading.Event], None]
"""Hands over a JSON document, or raises DeliveryError; gives up when the event is set."""


class Outbox:
    """A queue of events for one receiver, and the thread that empties it."""

    def __init__(self, name: str, deliver: Deliver, on_note: Callable[[str], None]) -> None:
        """Start the thread.

        Args:
            name: of the receiver, in notes.
            deliver: is called in the thread, with one event at a time.
            on_note: called from the thread with what could not be delivered.
        """
        self._name = name
        self._deliver = deliver
        self._on_note = on_note
        self._waiting: deque[str] = deque()
        self._num_dropped = 0
        self._changed = threading.Condition()
        self._is_closing = False
        self._given_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, document: str) -> None:
        """Add an event, without waiting."""
        with self._changed:
            if len(self._waiting) == _MAX_WAITING:
                self._waiting.popleft()
                self._num_dropped += 1
            self._waiting.append(document)
            self._changed.notify()

    def close(self) -> None:
        """Deliver what waits, as far as the receiver takes it in time, and end the thread."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        try:
            self._thread.join(_END_SECONDS)
        finally:  # a second Ctrl-C does not wait
            self._given_up.set()
        self._thread.join()
        lost = len(self._waiting) + self._num_dropped
        if lost:
            self._on_note(f"{self._name}: {lost} events were not delivered")

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closing)
                if not self._waiting or self._given_up.is_set():
                    return
                document = self._waiting.popleft()
            self._try_to_deliver(document)

    def _try_to_deliver(self, document: str) -> None:
        for number in range(1, _TRIES + 1):
            try:
                return self._deliver(document, self._given_up)
            except DeliveryError as error:
                if error.is_final or number == _TRIES or self._given_up.is_set():
                    self._on_note(f"{self._name}: an event was not delivered: {error}")
                    return None
                seconds = _FIRST_WAIT_SECONDS * 2 ** (number - 1) * random.uniform(0.5, 1)
                self._on_note(f"{self._name}: {error}; trying again in {seconds:.1f} s")
                self._given_up.wait(seconds)
        return None


def to_command(command: Sequence[str]) -> Deliver:
    """Start a program for each event, with the document on its standard input.

    What it prints goes to stderr. A program that fails is not started again for the same event.

    Raises:
        ValueError: there is no such program.
    """
    if not command or shutil.which(command[0]) is None:
        raise ValueError(f"--exec: {' '.join(command)!r}: no such program; check the path")

    def deliver(document: str, given_up: threading.Event) -> None:
        deadline = time.monotonic() + _COMMAND_SECONDS
        try:  # in a session of its own: it ends with all that it started, and not by our Ctrl-C
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=2, text=True, start_new_session=True
            )
        except OSError as error:
            raise DeliveryError(str(error), is_final=True) from error
        written: str | None = f"{document}\n"
        with process:
            while process.returncode is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.communicate(written, timeout=_POLL_SECONDS)
                written = None
                if process.returncode is None and (
                    given_up.is_set() or time.monotonic() > deadline
                ):
                    os.killpg(process.pid, signal.SIGKILL)
                    raise DeliveryError(f"took too long: {command[0]}", is_final=True)
        if process.returncode:
            why = f"exit status {process.returncode}: {command[0]}"
            raise DeliveryError(why, is_final=True)

    return deliver


def to_webhook(url: str) -> Deliver:
    """Post each event as JSON; what fails for now is tried again, later each time.

    Raises:
        ValueError: the address is not one of HTTP.
    """
    parts = urlsplit(url)
    is_plain = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain:
        raise ValueError(f"--webhook: {url!r} is no http:// or https:// address")
    if parts.username is not None:
        raise ValueError(
            "--webhook: user and password in an address are not sent; put a token into its path "
            "or query, or give --exec with a program that posts"
        )
    opener = urllib.request.OpenerDirector()
    for handler in _HANDLERS:
        opener.add_handler(handler())
    headers = {"Content-Type": "application/json", "User-Agent": "actionclip"}

    def deliver(document: str, given_up: threading.Event) -> None:
        request = urllib.request.Request(url, document.encode(), headers)
        try:
            opener.open(request, timeout=_POST_SECONDS).close()
        except urllib.error.HTTPError as error:
            error.close()
            is_final = error.code < 500 and error.code not in _BUSY
            raise DeliveryError(f"HTTP status {error.code}", is_final=is_final) from error
        except (OSError, http.client.HTTPException) as error:  # its words may hold no address
            why = error.reason if isinstance(error, urllib.error.URLError) else error
            raise DeliveryError(f"no answer ({why})") from error

    return deliver
