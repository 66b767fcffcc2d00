"""The training loop: a run becomes checkpoints, or continues from where it was stopped.

    for every epoch, for every batch of clips and texts:
        embed both, compare each with each, compare that with the shared labels,
        step the optimizer
    after every epoch: test on held-out clips, and save the best

All random numbers follow from (seed, epoch, step), so that the state of a run is its weights, the
optimizer's moments and its `TrainState`.
"""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from actionclip.training import held_out, objectives, optim
from actionclip.training.checkpoints import CheckpointManager, TrainState
from actionclip.training.run import Run
from actionclip.training.sources import Plan

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SIGNS_OF_LOSS = ("closed by peer", "reset by peer", "Broken pipe", "Connection refused", "NCCL")

_logger = logging.getLogger(__name__)


class Stopped(KeyboardInterrupt):
    """The run was stopped by a signal; it was saved and can be resumed."""


class Progress(NamedTuple):
    """How far a run is; epochs, and the steps of one, count from 1."""

    epoch: int
    num_epochs: int
    step: int
    num_steps: int
    batch_size: int
    loss: float


class Epoch(NamedTuple):
    """The results of an epoch: the mean loss of its steps, and scores of the held-out clips."""

    epoch: int
    num_epochs: int
    loss: float
    metrics: held_out.Metrics
    seconds: float
    """With the test on the held-out clips; after a resume, of the rest of the epoch."""
    clips_per_second: float
    """Without the test."""


def train(
    run: Run,
    checkpoints: CheckpointManager,
    on_step: Callable[[Progress], object],
    on_epoch: Callable[[Epoch], object],
) -> None:
    """Train until the last epoch.

    Raises:
        ValueError: the loss is not a finite number.
        Stopped: by Ctrl-C or SIGTERM, after saving.
        OSError: a checkpoint cannot be written.
    """
    num_epochs, num_steps = run.num_epochs, run.num_steps
    batch_size = run.recipe.optim.batch_size
    is_alone = run.accelerator.num_processes == 1
    with _signals(is_alone=is_alone) as received:
        while checkpoints.state.epoch < num_epochs:
            optim.train_mode(run.objective)
            epoch, first_step = checkpoints.state.epoch, checkpoints.state.step
            started = time.monotonic()
            for plan, clips in run.draw(epoch, first_step):
                loss, any_received = _step(run, plan, clips, checkpoints.state, received)
                step = checkpoints.state.step
                on_step(Progress(epoch + 1, num_epochs, step, num_steps, batch_size, loss))
                if step == num_steps:
                    speed = (step - first_step) * batch_size / (time.monotonic() - started)
                    mean_loss = checkpoints.state.loss_sum / step
                    metrics = held_out.test(run)
                    checkpoints.end_epoch(run, metrics)
                    seconds = time.monotonic() - started
                    on_epoch(Epoch(epoch + 1, num_epochs, mean_loss, metrics, seconds, speed))
                stop = bool(received) if is_alone else any_received
                is_last = checkpoints.state.epoch == num_epochs
                if stop or is_last or checkpoints.is_due(run):
                    checkpoints.save(run)
                if stop and not is_last:
                    run.accelerator.wait_for_everyone()  # launchers end the others with the first
                    raise Stopped


def _step(
    run: Run, plan: Plan, clips: Tensor, state: TrainState, received: list[int]
) -> tuple[float, bool]:
    """Update the weights; return the loss of the batch and whether any process got a signal.

    The host waits for the device once: loss, gradient norm and the signals of all processes are
    read together.
    """
    accelerator = run.accelerator
    number = state.epoch * run.num_steps + state.step
    rate = run.schedule.set_rate(number)
    own_loss = objectives.backward(
        accelerator,
        run.prepared,
        run.objective,
        clips.to(accelerator.device, non_blocking=True),
        run.texts_of(plan),
        run.targets_of(plan),
        plan.seeds,
        run.recipe.optim.micro_batch_size or len(clips),
    )
    norm = run.clip_gradient()
    flag = torch.full_like(own_loss, float(bool(received)))
    numbers: Any = accelerator.reduce(torch.stack([own_loss, norm.to(own_loss), flag]), "mean")
    loss, norm, num_received = numbers.tolist()
    if not math.isfinite(loss) or not (math.isfinite(norm) or accelerator.scaler):
        what = "the gradient is not finite" if math.isfinite(loss) else f"the loss is {loss}"
        batch = [run.data.annotations.examples[clip].source for clip in plan.clips]
        raise ValueError(
            f"epoch {state.epoch + 1}, step {state.step + 1}: {what}; what was saved is intact,"
            ' lower optim.lr or set computing.precision = "fp32"; the batch: ' + ", ".join(batch)
        )
    run.optimizer.step()
    run.optimizer.zero_grad()
    run.update_ema()
    accelerator.log({"loss": loss, "lr": rate, "gradient_norm": norm}, step=number)
    state.step += 1
    state.loss_sum += loss
    return loss, num_received > 0


@contextmanager
def _signals(*, is_alone: bool) -> Iterator[list[int]]:
    """Collect the first SIGINT or SIGTERM, so that a run stops between two steps.

    In a run of one process, a second signal has its usual effect. In a run of several, further ones
    are ignored: torchrun passes on a Ctrl-C that the terminal has already sent to every process.
    """
    received: list[int] = []
    handlers = {}

    def restore() -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    def handle(number: int, frame: FrameType | None) -> None:
        if received:
            return
        received.append(number)
        if is_alone:
            _logger.warning("stopping after this step; a second signal stops at once, unsaved")
            restore()
        else:
            _logger.warning("stopping after this step")

    if threading.current_thread() is threading.main_thread():  # Python forbids it elsewhere
        handlers |= {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield received
    finally:
        restore()


@contextmanager
def naming_lost_processes(num_processes: int) -> Iterator[None]:
    """Turn the error of a broken connection to another process into one line.

    Raises:
        OSError: another process of the run ended.
    """
    try:
        yield
    except RuntimeError as error:
        if num_processes == 1 or not any(sign in str(error) for sign in _SIGNS_OF_LOSS):
            raise
        raise OSError(
            "another process of this run ended, and its own message says why; what was saved "
            "before is intact: correct that, and continue by --resume"
        ) from error
