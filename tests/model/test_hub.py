"""The hub is a small server on this machine that speaks its protocol; the client is real."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from actionclip.model.actionclip import ActionCLIP

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(http.server.ThreadingHTTPServer):
    """Serves the files of `folder` as the repository someone/tiny."""

    folder: Path
    cut_after: int | None = None
    """Bytes of the weights after which the connection is cut."""
    num_cuts = 0
    """How often it is cut before a transfer goes through."""
    takes_ranges = True
    wrong_hash = False
    requests: list[str]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Repository(http.server.BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, with_body: bool) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        if self.path.startswith("/api/models/"):
            return self.answer_api()
        owner, name, resolve, _, file_name = self.path.lstrip("/").split("/", 4)
        path = self.server.folder / file_name
        if (owner, name, resolve) != ("someone", "tiny", "resolve"):
            return self.refuse("RepoNotFound")
        if not path.is_file():
            return self.refuse("EntryNotFound")
        content = path.read_bytes()
        start = 0
        if self.server.takes_ranges and "Range" in self.headers:
            start = int(self.headers["Range"].removeprefix("bytes=").split("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{self.hash_of(file_name, content)}"')
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if with_body:
            self.send_body(file_name, content[start:])

    def answer_api(self) -> None:
        """Describe the repository: its commit, or its files."""
        _, _, owner, name, kind, *_ = self.path.lstrip("/").split("/")
        if (owner, name) != ("someone", "tiny"):
            return self.refuse("RepoNotFound")
        answer: object = {"id": "someone/tiny", "sha": COMMIT, "siblings": []}
        if kind == "tree":
            answer = [self.describe(path) for path in sorted(self.server.folder.iterdir())]
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def describe(self, path: Path) -> dict[str, object]:
        content = path.read_bytes()
        described = {"type": "file", "path": path.name, "size": len(content)}
        digest = self.hash_of(path.name, content)
        if path.name == "model.safetensors":
            lfs = {"oid": digest, "size": len(content), "pointerSize": 100}
            return {**described, "oid": "1" * 40, "lfs": lfs}
        return {**described, "oid": digest}

    def send_body(self, file_name: str, content: bytes) -> None:
        if file_name == "model.safetensors" and self.server.num_cuts > 0:
            self.server.num_cuts -= 1
            self.wfile.write(content[: self.server.cut_after])
            self.wfile.flush()
            self.connection.close()
            return
        self.wfile.write(content)

    def hash_of(self, file_name: str, content: bytes) -> str:
        if file_name == "model.safetensors":
            honest = hashlib.sha256(content).hexdigest()
            return "0" * 64 if self.server.wrong_hash else honest
        return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()

    def refuse(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, tiny_model: ActionCLIP) -> Iterator[Hub]:
    server = Hub(("127.0.0.1", 0), Repository)
    server.folder, server.requests = tmp_path / "repository", []
    tiny_model.save(server.folder)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


LOAD = """
import sys, torch
from actionclip.model.actionclip import ActionCLIP
with torch.inference_mode():
    embedding = ActionCLIP.load(sys.argv[1]).embed_tokens(torch.tensor([[3, 7, 49]]))
print("embedding", embedding[0, :3].tolist())
"""
FETCH = """
import sys
from actionclip.model import hub
try:
    print((hub.fetch(sys.argv[1]) / "model.safetensors").resolve())
except ValueError as error:
    print("ValueError:", error)
"""


def run(
    program: str, address: str, home: Path, name: str = "someone/tiny", offline: bool = False
) -> str:
    """Run in a process of its own, since the client reads HF_ENDPOINT when it is imported."""
    environment = {**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(home)}
    environment |= {"HF_HUB_OFFLINE": str(int(offline)), "HF_HUB_DISABLE_PROGRESS_BARS": "0"}
    ran = subprocess.run(
        [sys.executable, "-c", program, name],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.strip()


def weights(hub: Hub) -> bytes:
    return (hub.folder / "model.safetensors").read_bytes()


@pytest.fixture
def expected(tiny_model: ActionCLIP) -> str:
    ids: Tensor = torch.tensor([[3, 7, 49]])
    with torch.inference_mode():
        return f"embedding {tiny_model.embed_tokens(ids)[0, :3].tolist()}"


def test_a_name_is_fetched_once_and_then_needs_no_network(hub: Hub, tmp_path: Path, expected: str):
    assert run(LOAD, hub.address, tmp_path / "home") == expected
    assert f"GET /someone/tiny/resolve/{COMMIT}/model.safetensors" in hub.requests

    hub.requests.clear()
    assert run(LOAD, hub.address, tmp_path / "home", offline=True) == expected
    assert hub.requests == []


def test_a_repository_of_open_clip_is_fetched_beside_its_configuration(
    hub: Hub, tmp_path: Path, expected: str, reference_clip: torch.nn.Module
):
    for path in hub.folder.iterdir():
        path.unlink()
    (hub.folder / "config.json").write_text('{"architecture": "of timm"}')
    (hub.folder / "open_clip_config.json").write_text('{"model_cfg": {"quick_gelu": true}}')
    torch.save(reference_clip.state_dict(), hub.folder / "open_clip_pytorch_model.bin")
    for offline in (False, True):
        assert run(LOAD, hub.address, tmp_path / "home", offline=offline) == expected


def test_an_index_that_names_files_elsewhere_is_refused(hub: Hub, tmp_path: Path):
    (hub.folder / "model.safetensors").unlink()
    index = hub.folder / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "../../../escaped"}}')
    (hub.folder.parent / "escaped").write_text("secret")
    answer = run(FETCH, hub.address, tmp_path / "home")
    assert "refused, it names '../../../escaped'" in answer
    assert not any("escaped" in request for request in hub.requests)


def test_a_transfer_that_is_cut_goes_on(hub: Hub, tmp_path: Path):
    hub.cut_after, hub.num_cuts = 5000, 2
    assert Path(run(FETCH, hub.address, tmp_path / "home")).read_bytes() == weights(hub)


def test_a_server_that_always_cuts_is_given_up_in_a_sentence(hub: Hub, tmp_path: Path):
    hub.cut_after, hub.num_cuts, hub.takes_ranges = 5000, 1000, False
    answer = run(FETCH, hub.address, tmp_path / "home")
    assert answer.startswith("ValueError: someone/tiny: could not fetch model.safetensors (")
    assert "hf download someone/tiny" in answer
    assert not list((tmp_path / "home").rglob("model.safetensors"))


def test_a_wrong_hash_is_noticed_and_nothing_of_it_is_kept(hub: Hub, tmp_path: Path):
    hub.wrong_hash = True
    answer = run(FETCH, hub.address, tmp_path / "home")
    assert "model.safetensors came with a wrong hash" in answer
    assert answer.count("\n") == 0

    hub.wrong_hash = False
    assert Path(run(FETCH, hub.address, tmp_path / "home")).read_bytes() == weights(hub)


def test_an_unknown_repository_and_an_empty_cache_say_what_to_do(hub: Hub, tmp_path: Path):
    unknown = run(FETCH, hub.address, tmp_path / "home", name="someone/else")
    assert unknown.startswith("ValueError: someone/else: neither a directory here nor a repository")
    offline = run(FETCH, hub.address, tmp_path / "home", offline=True)
    assert offline.startswith("ValueError: someone/tiny: could not fetch config.json (")
    assert "hf download someone/tiny" in offline
    assert "there is no directory of this name here" in offline
