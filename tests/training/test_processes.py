"""Training by two processes, on the CPU with gloo: every way in which a run can end."""

import csv
import faulthandler
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.distributed import TCPStore

from actionclip.model.actionclip import ActionCLIP
from actionclip.training import fit

_BIASES_OF_KEYS = ("k_proj.bias", "in_proj_bias")
"""Attention does not see them, so that their gradients are rounding, which Adam makes large."""
_LAUNCHER = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def _work(rank: int, num: int, port: int, text: str, run: Path, event: str) -> None:
    """Be one process of a run: the error's kind and text go into a file."""
    torch.set_num_threads(1)
    os.environ |= {
        **{name: str(rank) for name in ("RANK", "LOCAL_RANK")},
        **{name: str(num) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE")},
        **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"},
        **{"TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RESTART_COUNT": "0"},
    }
    faulthandler.dump_traceback_later(200, exit=True)  # says where, if it hangs

    def on_step(progress) -> None:
        if (progress.epoch, progress.step) != (1, 2):
            return
        match event:
            case "SIGINT to one" if rank == 1:
                os.kill(os.getpid(), signal.SIGINT)
            case "SIGTERM to all, twice":
                os.kill(os.getpid(), signal.SIGTERM)
                os.kill(os.getpid(), signal.SIGTERM)
            case "error in the first" if rank == 0:
                raise ValueError("a broken video")
            case "error in the second" if rank == 1:
                raise ValueError("a broken video")

    ending = "done"
    try:
        fit.fit(text, run, device="cpu", resume=True, on_step=on_step)
    except BaseException as error:
        ending = f"{type(error).__name__}: {error}"
    run.with_name(f"{run.name}.{rank}").write_text(ending)


@pytest.fixture(scope="module")
def context() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["actionclip.training.fit", "transformers.models.clip.modeling_clip"]
    )
    return context


@pytest.fixture
def train(context):
    """Train with some processes; return how each of them ended."""

    def train(text: str, run: Path, event: str = "", num: int = 2) -> list[str]:
        store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # as torchrun
        workers = [
            context.Process(target=_work, args=(rank, num, store.port, text, run, event))
            for rank in range(num)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(240)
        hanging = [worker for worker in workers if worker.is_alive()]
        for worker in hanging:
            worker.kill()
        assert not hanging
        return [run.with_name(f"{run.name}.{rank}").read_text() for rank in range(num)]

    return train


def _rows(run: Path, name: str = "metrics.csv") -> list[list[float]]:
    with (run / name).open() as file:
        return [[float(cell) for cell in row.values()] for row in csv.DictReader(file)]


def _assert_alike(one: Path, two: Path) -> None:
    for name in ("best", "last"):
        weights, others = (load_file(run / name / "model.safetensors") for run in (one, two))
        for key in weights:
            if not key.endswith(_BIASES_OF_KEYS):
                torch.testing.assert_close(others[key], weights[key], atol=1e-5, rtol=0)
        fitted, others_fitted = (ActionCLIP.load(run / name).calibration for run in (one, two))
        assert fitted.fitted_on
        assert others_fitted == fitted
    assert _rows(two) == [pytest.approx(row, abs=1e-5) for row in _rows(one)]


@pytest.mark.parametrize("micro_batch_size", [3, 1])
def test_two_processes_give_what_one_gives(train, write_recipe, tmp_path, micro_batch_size):
    text = write_recipe(optim={"lr": 2e-5, "micro_batch_size": micro_batch_size})
    assert train(text, tmp_path / "one", num=1) == ["done"]
    assert train(text, tmp_path / "two") == ["done", "done"]
    _assert_alike(tmp_path / "one", tmp_path / "two")


def test_two_processes_mix_with_the_start_as_one_does(train, write_recipe, squares, tmp_path):
    weights = {"interpolate": [0.5], "zero_shot_data": str(squares)}
    text = write_recipe(optim={"lr": 2e-5}, weights=weights)
    train(text, tmp_path / "one", num=1)
    assert train(text, tmp_path / "two") == ["done", "done"]
    one, two = (_rows(tmp_path / name, "interpolation.csv") for name in ("one", "two"))
    assert len(one) == 3
    assert two == [pytest.approx(row, abs=1e-5) for row in one]
    ActionCLIP.load(tmp_path / "two" / "mixed-0.50")


def test_two_processes_share_the_computing_of_features(train, write_recipe, tmp_path):
    frozen = {"freeze": ["encoder"]}
    text = write_recipe(weights=frozen, data={"cached_views": 2}, optim={"lr": 2e-5})
    assert train(text, tmp_path / "two") == ["done", "done"]
    train(text, tmp_path / "one", num=1)
    _assert_alike(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize("event", ["SIGINT to one", "SIGTERM to all, twice"])
def test_interrupted_processes_stop_at_one_step_saved_and_go_on(
    train, write_recipe, tmp_path, event
):
    text = write_recipe(optim={"lr": 2e-5})
    for ending in train(text, tmp_path / "run", event):
        assert ending.startswith("Stopped")
    assert (tmp_path / "run" / "last" / "state.pt").is_file()
    assert train(text, tmp_path / "run") == ["done", "done"]
    train(text, tmp_path / "whole")
    _assert_alike(tmp_path / "whole", tmp_path / "run")


@pytest.mark.parametrize("rank", [0, 1])
def test_an_error_in_one_process_ends_the_other_in_one_line(train, write_recipe, tmp_path, rank):
    text = write_recipe(computing={"seconds_between_saves": 0})
    endings = train(text, tmp_path / "run", f"error in the {('first', 'second')[rank]}")
    assert endings[rank] == "ValueError: a broken video"
    assert endings[1 - rank].startswith("OSError: another process of this run ended")
    assert train(text, tmp_path / "run") == ["done", "done"]


@pytest.mark.slow
def test_ctrl_c_at_torchrun_saves_the_run(write_recipe, tmp_path):
    recipe, run = tmp_path / "recipe.toml", tmp_path / "run"
    recipe.write_text(write_recipe(optim={"epochs": 1000}, computing={"seconds_between_saves": 0}))
    command = [sys.executable, *_LAUNCHER, "-m", "actionclip.cli", "train", recipe]
    with subprocess.Popen(
        [*command, "--output", run, "--device", "cpu"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        while not (run / "metrics.csv").is_file():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the launcher and to both
        _, messages = process.communicate(timeout=240)
    assert "stopped and saved" in messages
    state = torch.load(run / "last" / "state.pt", weights_only=True)
    assert 0 < state["place"]["epoch"] < 1000
    ActionCLIP.load(run / "best")
