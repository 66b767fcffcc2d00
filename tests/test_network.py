"""No command uses the network or leaves a file behind that is not documented.

The processes run with a home of their own and with a library preloaded that sees the sockets of
native code, too: what is monitored is the process and all its children, not Python.
"""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest

TELEMETRY_SECONDS = 14
"""ONNX Runtime 1.32 connects about ten seconds after its import, again and again."""
NO_UPLOADS_WITH = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "BUILDKITE", "TRAVIS")
"""ONNX Runtime sends nothing where one of these is set, so that a test would not see it."""
RUN_COMMANDS = """
import sys, time
start = time.monotonic()
from actionclip.cli import main
for command in {commands!r}:
    sys.argv = ["actionclip", *command]
    try:
        main()
    except SystemExit as ending:
        if ending.code:
            sys.exit(f"{{command}}: exit status {{ending.code}}")
time.sleep(max(0, {seconds} + start - time.monotonic()))
"""


class Observed(NamedTuple):
    attempts: list[str]
    files: list[str]
    output: str


@pytest.fixture(scope="module")
def monitor(tmp_path_factory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("needs Linux and a C compiler to see the sockets of native code")
    library = tmp_path_factory.mktemp("monitor") / "network_monitor.so"
    source = Path(__file__).with_name("network_monitor.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


@pytest.fixture
def observe(monitor, tmp_path):
    """Run Python code in an empty home; give what was asked of the network, and the new files."""
    home, log = tmp_path / "home", tmp_path / "network.log"
    home.mkdir()
    own = ("XDG_", "ORT_", "HF_", "MPL")
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(own) and name not in NO_UPLOADS_WITH
    }

    def observe(code: str, **variables: str) -> Observed:
        environment = {
            **inherited,
            **variables,
            "HOME": str(home),
            "OMP_NUM_THREADS": "1",
            "LD_PRELOAD": str(monitor),
            "NETWORK_MONITOR_LOG": str(log),
        }
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        files = [path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()]
        attempts = log.read_text().splitlines() if log.exists() else []
        return Observed(attempts, sorted(files), done.stdout + done.stderr)

    return observe


def test_the_monitor_sees_sockets_of_a_child_process(observe):
    observed = observe("""
        import subprocess, sys
        connect = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"
        subprocess.run([sys.executable, "-c", connect], check=True)
    """)
    assert observed.attempts == ["connect 127.0.0.1:9"]


@pytest.mark.slow
def test_the_monitor_sees_the_telemetry_of_onnxruntime_where_it_is_left_on(observe):
    observed = observe(f"import onnxruntime, time; time.sleep({TELEMETRY_SECONDS})")
    if not observed.files:
        pytest.skip("this ONNX Runtime has no telemetry")
    assert any("onnxruntime" in file for file in observed.files)
    assert observed.attempts


def test_an_earlier_import_of_onnxruntime_is_told_to_stop(observe):
    observed = observe("""
        import onnxruntime
        onnxruntime.enable_telemetry_events()
        stop, stopped = onnxruntime.disable_telemetry_events, []
        onnxruntime.disable_telemetry_events = lambda: stopped.append(stop())
        import actionclip
        assert stopped == [None]
    """)
    assert "import actionclip first, or set ORT_DISABLE_TELEMETRY=1" in observed.output


@pytest.mark.parametrize(
    "first", ["actionclip", "actionclip.model.encoders.onnx_tower", "actionclip.cli"]
)
def test_onnxruntime_is_imported_with_its_telemetry_off(observe, first):
    observed = observe(f"import {first}, onnxruntime", ORT_DISABLE_TELEMETRY="0")
    assert (observed.attempts, observed.files) == ([], [])
    assert observed.output == ""


@pytest.mark.slow
def test_no_command_uses_the_network_or_leaves_files_but_the_cache(
    observe, squares, moving_square, tiny_clip, tmp_path
):
    data, video, tiny = map(str, (squares, moving_square, tiny_clip))
    (tmp_path / "quick.toml").write_text(
        f'[data]\npath = "{data}"\ncached_views = 1\nnum_workers = 1\n'
        f'[model]\nstart = "{tiny}"\n[weights]\nfreeze = ["encoder"]\n'
        "[optim]\nepochs = 2\nwarmup_epochs = 1\nbatch_size = 6\n"
    )
    labels = ["moving left", "moving right"]
    evaluated = ["--data", data, "--workers", "1"]
    commands = [
        ["--help"],
        ["data", "check", data],
        ["recognize", video, *labels, "--report", "page.html"],
        ["timeline", video, *labels, "--html", "timeline.html", "--clips", "clips"],
        ["watch", video, *labels, "--no-realtime"],
        ["train", "quick.toml", "--output", "run"],
        ["evaluate", "--model", "run/best", *evaluated, "--output", "a.json", "--report", "a.html"],
        ["report", "compare", "a.json", "a.json"],
        ["prompts", tiny, data, "--workers", "0"],
    ]
    observed = observe(RUN_COMMANDS.format(commands=commands, seconds=TELEMETRY_SECONDS))
    assert observed.attempts == []
    assert [file for file in observed.files if not file.startswith(".cache/actionclip/")] == []
    assert any(file.startswith(".cache/actionclip/") for file in observed.files)
