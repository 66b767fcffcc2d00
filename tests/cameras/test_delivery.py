import http.server
import shlex
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from actionclip.cameras import delivery
from actionclip.cameras.delivery import DeliveryError, Outbox

EVENT = '{"event": "started", "label": "grüßen"}'


class Receiver(ThreadingHTTPServer):
    """Answers with the given statuses, then with 204, and stores what it was sent."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.received: list[tuple[str, str, str]] = []
        self.is_slow = threading.Event()
        self.may_answer = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/hook?token=secret"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.server.is_slow.is_set():
            self.server.may_answer.wait(60)
        self.server.received.append((self.path, self.headers["Content-Type"], body))
        status = self.server.statuses.pop(0) if self.server.statuses else 204
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def do_GET(self) -> None:
        self.server.received.append(("GET", "", ""))

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def receiver(monkeypatch) -> Iterator[Receiver]:
    monkeypatch.setattr(delivery, "_FIRST_WAIT_SECONDS", 0.01)
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.may_answer.set()
        server.shutdown()
        thread.join()


def deliver_all(deliver: delivery.Deliver, *documents: str) -> list[str]:
    """Deliver, and return the notes."""
    notes: list[str] = []
    outbox = Outbox("hook", deliver, notes.append)
    for document in documents:
        outbox.put(document)
    outbox.close()
    return notes


def test_each_event_is_posted_as_json_in_order(receiver):
    assert deliver_all(delivery.to_webhook(receiver.url), EVENT, "{}") == []
    path = "/hook?token=secret"
    assert receiver.received == [
        (path, "application/json", EVENT),
        (path, "application/json", "{}"),
    ]


def test_what_fails_for_now_is_tried_again(receiver):
    receiver.statuses = [500, 429]
    notes = deliver_all(delivery.to_webhook(receiver.url), EVENT)
    assert [body for *_, body in receiver.received] == [EVENT] * 3
    assert [note.partition(";")[0] for note in notes] == [
        "hook: HTTP status 500",
        "hook: HTTP status 429",
    ]
    assert "secret" not in "".join(notes)


@pytest.mark.parametrize("status", [302, 403])
def test_a_refusal_is_final_and_no_redirect_is_followed(receiver, status):
    receiver.statuses = [status]
    notes = deliver_all(delivery.to_webhook(receiver.url), EVENT)
    assert notes == [f"hook: an event was not delivered: HTTP status {status}"]
    assert len(receiver.received) == 1


def test_where_nobody_listens_it_gives_up_after_some_tries(monkeypatch):
    monkeypatch.setattr(delivery, "_FIRST_WAIT_SECONDS", 0.001)
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as gone:
        url = f"http://127.0.0.1:{gone.server_port}"
    notes = deliver_all(delivery.to_webhook(url), EVENT)
    assert len(notes) == delivery._TRIES
    assert "trying again" in notes[0]
    assert "an event was not delivered: no answer" in notes[-1]


def test_a_slow_receiver_delays_nobody_and_the_oldest_events_are_dropped(receiver, monkeypatch):
    monkeypatch.setattr(delivery, "_MAX_WAITING", 3)
    receiver.is_slow.set()
    notes: list[str] = []
    outbox = Outbox("hook", delivery.to_webhook(receiver.url), notes.append)
    outbox.put("first")
    wait_until(lambda: not outbox._waiting)  # it is on its way
    before = time.monotonic()
    for number in range(10):
        outbox.put(str(number))
    assert time.monotonic() - before < 1
    receiver.may_answer.set()
    outbox.close()
    assert [body for *_, body in receiver.received] == ["first", "7", "8", "9"]
    assert notes == ["hook: 7 events were not delivered"]


def test_the_end_does_not_wait_for_ever(receiver, monkeypatch):
    monkeypatch.setattr(delivery, "_END_SECONDS", 0.1)
    monkeypatch.setattr(delivery, "_POST_SECONDS", 0.5)
    receiver.is_slow.set()
    notes = deliver_all(delivery.to_webhook(receiver.url), EVENT, "{}")
    assert notes[-1] == "hook: 1 events were not delivered"
    assert notes[0].startswith("hook: an event was not delivered: no answer")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("ftp://host/", "is no http"),
        ("file:///etc/passwd", "is no http"),
        ("http://", "is no http"),
        ("http://host/a b", "is no http"),
        ("http://user:secret@host/", "user and password in an address are not sent"),
    ],
)
def test_an_address_that_cannot_be_posted_to_is_refused(url, complaint):
    with pytest.raises(ValueError, match=complaint) as refused:
        delivery.to_webhook(url)
    assert "secret" not in str(refused.value)


def program(code: str) -> delivery.Deliver:
    return delivery.to_command([sys.executable, "-c", code])


def test_a_program_gets_each_event_on_its_standard_input(tmp_path):
    path = tmp_path / "got"
    code = f"import sys; open({str(path)!r}, 'a').write(sys.stdin.read())"
    assert deliver_all(program(code), EVENT, "{}") == []
    assert path.read_text() == f"{EVENT}\n{{}}\n"


def test_no_shell_reads_the_command(tmp_path):
    path = tmp_path / "args"
    code = f"import sys; open({str(path)!r}, 'w').write(sys.argv[1])"
    command = shlex.split(f"{sys.executable} -c {shlex.quote(code)} '$HOME; `id`'")
    assert deliver_all(delivery.to_command(command), EVENT) == []
    assert path.read_text() == "$HOME; `id`"


def test_a_program_that_does_not_read_or_fails_is_not_started_again(capfd):
    assert deliver_all(program("print('hello')"), 100_000 * "x") == []
    assert capfd.readouterr() == ("", "hello\n")
    notes = deliver_all(program("raise SystemExit(3)"), EVENT)
    assert notes == [f"hook: an event was not delivered: exit status 3: {sys.executable}"]


def test_a_program_that_takes_too_long_is_ended_with_what_it_started(tmp_path, monkeypatch):
    monkeypatch.setattr(delivery, "_COMMAND_SECONDS", 2.0)
    path = tmp_path / "pid"
    code = (
        "import subprocess, time; child = subprocess.Popen(['sleep', '60']); "
        f"open({str(path)!r}, 'w').write(str(child.pid)); time.sleep(60)"
    )
    with pytest.raises(DeliveryError, match="took too long"):
        program(code)(EVENT, threading.Event())
    wait_until(lambda: not is_running(int(path.read_text())))


def test_a_program_that_does_not_exist_is_refused_at_once():
    with pytest.raises(ValueError, match="no such program"):
        delivery.to_command(["no-such-program"])


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition) -> None:
    deadline = time.monotonic() + 60  # only ends a hang
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
