"""A training that a signal to all of its processes ends is saved, and says so in one line."""

import os
import signal
import subprocess
import sys

import pytest

RECIPE = """
[model]
start = "{start}"
[data]
path = "{data}"
num_workers = 2
augmentation = "none"
[prompts]
templates = ["{{}}"]
[optim]
epochs = 10000
batch_size = 6
[computing]
trackers = []
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_group_saves_the_run(number, tmp_path, tiny_clip, squares):
    (tmp_path / "recipe.toml").write_text(RECIPE.format(start=tiny_clip, data=squares))
    command = [sys.executable, "-m", "actionclip.cli", "train", "recipe.toml", "--output", "run"]
    process = subprocess.Popen(
        [*command, "--device", "cpu"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:  # a line an epoch, as there is no terminal
        if line.startswith("epoch 2"):
            break
    os.killpg(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "note: stopped and saved; to continue add: --output run --resume" in said
    assert (tmp_path / "run" / "last" / "model.safetensors").is_file()
