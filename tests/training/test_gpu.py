"""Training on a GPU does what training on a CPU does."""

import csv
import os
import signal
from pathlib import Path

import pytest
import torch

from actionclip.model.actionclip import ActionCLIP
from actionclip.training import fit
from actionclip.training.loop import Stopped

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def _losses(run: Path) -> list[float]:
    with (run / "metrics.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"model": {"joint": True}},
        {"model": {"shift": True, "temporal_head": "lstm"}},
        {"weights": {"ema_decay": 0.9}},
        {"optim": {"micro_batch_size": 2}},
        {"computing": {"gradient_checkpointing": True}},
        {"weights": {"freeze": ["encoder.vision_tower"]}, "data": {"cached_views": 1}},
        {"loss": {"kind": "classifier"}},
    ],
)
def test_losses_are_those_of_a_cpu(write_recipe, tmp_path, sections):
    text = write_recipe(**sections)
    for device in ("cpu", "cuda"):
        fit.fit(text, tmp_path / device, device=device)
    assert _losses(tmp_path / "cuda") == pytest.approx(_losses(tmp_path / "cpu"), abs=1e-3)
    model = ActionCLIP.load(tmp_path / "cuda" / "best", device="cuda")
    assert model.logit_scale.is_cuda


@pytest.mark.parametrize("precision", ["auto", "bf16", "fp16"])
def test_lower_precisions_train(write_recipe, tmp_path, precision):
    text = write_recipe(computing={"precision": precision}, optim={"epochs": 4, "lr": 1e-3})
    fit.fit(text, tmp_path / "run", device="cuda")
    losses = _losses(tmp_path / "run")
    assert losses[-1] < losses[0]


def test_augmentation_runs_on_workers_beside_a_gpu(write_recipe, tmp_path):
    text = write_recipe(data={"augmentation": "paper", "num_workers": 2}, optim={"epochs": 1})
    fit.fit(text, tmp_path / "run", device="cuda")
    assert len(_losses(tmp_path / "run")) == 1


def test_a_run_that_was_interrupted_goes_on(write_recipe, tmp_path):
    text = write_recipe()
    fit.fit(text, tmp_path / "whole", device="cuda:0")
    seen = []

    def interrupt(progress) -> None:
        seen.append(progress)
        if len(seen) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Stopped):
        fit.fit(text, tmp_path / "run", device="cuda:0", on_step=interrupt)
    fit.fit(text, tmp_path / "run", device="cuda:0", resume=True)
    assert _losses(tmp_path / "run") == pytest.approx(_losses(tmp_path / "whole"), abs=1e-4)
