import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

_BIASES_OF_KEYS = ("k_proj.bias", "in_proj_bias")
"""Attention does not see them, so that their gradients are rounding, which Adam makes large."""


def _train(recipe: Path, run: Path, launcher: list[str]) -> None:
    command = [sys.executable, *launcher, "-m", "actionclip.cli", "train", recipe]
    subprocess.run(
        [*command, "--output", run, "--device", "cpu"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.mark.slow
@pytest.mark.parametrize("micro_batch_size", [3, 1])
def test_two_processes_give_what_one_gives(write_recipe, tmp_path, micro_batch_size):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(write_recipe(optim={"lr": 2e-5, "micro_batch_size": micro_batch_size}))
    _train(recipe, tmp_path / "one", [])
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    _train(recipe, tmp_path / "two", launcher)
    one, two = (load_file(tmp_path / n / "last" / "model.safetensors") for n in ("one", "two"))
    for name in one:
        if not name.endswith(_BIASES_OF_KEYS):
            torch.testing.assert_close(two[name], one[name], atol=1e-5, rtol=0)
    metrics = []
    for name in ("one", "two"):
        with (tmp_path / name / "metrics.csv").open() as file:
            metrics.append([[float(cell) for cell in row.values()] for row in csv.DictReader(file)])
    assert metrics[1] == [pytest.approx(row, abs=1e-5) for row in metrics[0]]
