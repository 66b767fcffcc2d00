"""What a GPU asks of training, as far as a CPU can tell: none of this has run on one."""

import pytest
import torch
from accelerate import Accelerator

from actionclip.data.loading import Loader
from actionclip.training import data, fit, loop
from actionclip.training import recipe as recipes
from actionclip.training import run as runs
from actionclip.training.sources import Plan, Videos


@pytest.fixture
def two_gpus(monkeypatch) -> list[torch.device]:
    """Let torch say that it has two GPUs; remember which one became the current one."""
    chosen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    return chosen


def test_the_named_gpu_is_made_the_current_one_that_training_takes(two_gpus, monkeypatch):
    assert fit._device("cuda:1") == torch.device("cuda:1")
    assert two_gpus == [torch.device("cuda:1")]
    assert fit._device("cuda") == torch.device("cuda")
    assert fit._device(None) == torch.device("cuda")
    assert two_gpus == [torch.device("cuda:1")]
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="one GPU for several processes; give 'cuda'"):
        fit._device("cuda:1")
    with pytest.raises(ValueError, match="cuda:2"):
        fit._device("cuda:2")


def test_an_unknown_device_is_one_line(write_recipe, tmp_path):
    with pytest.raises(ValueError, match="gpu"):
        fit.fit(write_recipe(), tmp_path / "run", device="gpu")


def test_a_step_reads_from_the_device_once(write_recipe, tmp_path, monkeypatch):
    counts = []
    step = loop._step

    def counted(*arguments):
        reads = []
        with pytest.MonkeyPatch.context() as patch:
            for name in ("item", "tolist", "cpu", "numpy", "__bool__", "__float__", "__int__"):
                real = getattr(torch.Tensor, name)
                patch.setattr(
                    torch.Tensor,
                    name,
                    lambda *a, real=real, name=name, **k: (reads.append(name), real(*a, **k))[1],
                )
            found = step(*arguments)
        counts.append(reads)
        return found

    monkeypatch.setattr(loop, "_step", counted)
    text = write_recipe(optim={"epochs": 1}, weights={"ema_decay": 0.9})
    fit.fit(text, tmp_path / "run", device="cpu")
    assert counts == [["tolist"]] * 3


def test_clips_come_from_pinned_memory_if_the_device_is_a_gpu(write_recipe, tmp_path, monkeypatch):
    asked = []
    make = Loader.__init__

    def recorded(self, *arguments, pin_memory=False, **options):
        asked.append(pin_memory)
        make(self, *arguments, **options)

    monkeypatch.setattr(Loader, "__init__", recorded)
    recipe = recipes.parse(write_recipe(), "the recipe")
    parts = data.read(recipe)
    accelerator = fit.make_accelerator(recipe, tmp_path, "cpu")
    monkeypatch.setattr(Accelerator, "device", property(lambda self: torch.device("cuda")))
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, *_: self)  # no GPU to move to
    monkeypatch.setattr(runs, "OBJECTIVES", {})  # what follows the sources needs a GPU
    with pytest.raises(KeyError):
        runs.Run(recipe, accelerator, parts)
    assert asked == [True] * 4


def test_a_whole_batch_is_passed_on_and_not_copied(squares, monkeypatch):
    batch = torch.rand(2, 4, 3, 16, 16)
    plan = Plan(clips=(5, 3), labels=(0, 1), templates=(0, 0), seeds=(0, 0))
    videos = object.__new__(Videos)
    monkeypatch.setattr(Videos, "read", lambda self, batches: iter([([5, 3], batch)]))
    [(_, clips)] = videos.draw([plan])
    assert clips is batch
