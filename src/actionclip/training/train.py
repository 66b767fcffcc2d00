"""The training loop: a prepared run becomes checkpoints, or goes on from where it was stopped.

    for every epoch, for every batch of clips and texts:
        embed both, compare each with each, match that to who shares a label with whom,
        move the weights against the gradient
    after every epoch: test on held-out clips, and keep the best

Everything random comes from (seed, epoch, step), so that the state of a run is its weights, the
optimizer's moments and its place. Knows no recipe files and prints nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from actionclip.training import optim, steps
from actionclip.training.batches import Plan
from actionclip.training.interruption import Interruption
from actionclip.training.progress import Keeper, Place
from actionclip.training.run import Run


class Stopped(KeyboardInterrupt):
    """Somebody stopped the run; it was saved and can go on."""


@dataclass(frozen=True)
class Progress:
    """How far a run is; everything counts from 1."""

    epoch: int
    num_epochs: int
    step: int
    num_steps: int
    """Of an epoch."""
    batch_size: int
    """Clips of a step."""
    loss: float


@dataclass(frozen=True)
class Epoch:
    """What an epoch led to; it counts from 1."""

    epoch: int
    num_epochs: int
    loss: float
    """The mean over its steps."""
    metrics: Mapping[str, float]
    """Of the held-out clips, 0…1; the first one selects the checkpoint."""
    seconds: float
    """With the test on the held-out clips; of the part since a run went on."""
    clips_per_second: float
    """That were trained on, without the test."""


def train(
    run: Run,
    keeper: Keeper,
    watch: Callable[[Progress], object] = lambda progress: None,
    on_epoch: Callable[[Epoch], object] = lambda epoch: None,
) -> None:
    """Train until the last epoch.

    Args:
        run: model, data and all else that the recipe asks for.
        keeper: knows where the run is, and where it is kept.
        watch: called after every step.
        on_epoch: called after every epoch.

    Raises:
        ValueError: the loss is no number any more; says where.
        Stopped: by Ctrl-C or SIGTERM, after what was done has been saved.
        OSError: a checkpoint cannot be written.
    """
    num_steps = run.planner.num_steps
    is_alone = run.accelerator.num_processes == 1
    with Interruption(run.accelerator.num_processes) as interruption:
        while keeper.place.epoch < run.num_epochs:
            optim.train_mode(run.objective)
            epoch, first_step = keeper.place.epoch, keeper.place.step
            started = time.monotonic()
            for plan, clips in run.draw(epoch, first_step):
                loss, voted = _step(run, plan, clips, keeper.place, interruption)
                step, size = keeper.place.step, run.recipe.optim.batch_size
                watch(Progress(epoch + 1, run.num_epochs, step, num_steps, size, loss))
                if step == num_steps:
                    seconds = time.monotonic() - started
                    keeper.end_epoch(run.test())
                    on_epoch(_describe(run, keeper, (step - first_step) * size, seconds, started))
                stop = interruption.requested if is_alone else voted
                is_last = keeper.place.epoch == run.num_epochs
                if stop or is_last or keeper.is_due():
                    keeper.save()
                if stop and not is_last:
                    run.accelerator.wait_for_everyone()  # launchers end the others with the first
                    raise Stopped


def _describe(run: Run, keeper: Keeper, num_clips: int, seconds: float, started: float) -> Epoch:
    """Describe the epoch that has just ended.

    Args:
        run: the run.
        keeper: knows what was reached.
        num_clips: that were trained on since `started`.
        seconds: that this took.
        started: the time on the monotonic clock.
    """
    row = dict(keeper.rows[-1])
    return Epoch(
        int(row.pop("epoch")),
        run.num_epochs,
        row.pop("loss"),
        row,
        time.monotonic() - started,
        num_clips / max(seconds, 1e-9),
    )


def _step(
    run: Run, plan: Plan, clips: Tensor, place: Place, interruption: Interruption
) -> tuple[float, bool]:
    """Move the weights once; return the loss of the batch and whether any process got a signal.

    The host waits for the device once: loss, gradient length and the flags of all processes are
    read together.
    """
    accelerator = run.accelerator
    number = place.epoch * run.planner.num_steps + place.step
    rate = run.schedule.set_rate(number)
    mine = steps.backward(
        accelerator,
        run.prepared,
        run.objective,
        clips.to(accelerator.device, non_blocking=True),
        run.texts_of(plan),
        run.answers_to(plan),
        plan.seeds,
        run.micro_batch_size,
    )
    length = run.clip_gradient()
    flag = torch.full_like(mine, float(interruption.requested))
    numbers: Any = accelerator.reduce(torch.stack([mine, length.to(mine), flag]), "mean")
    loss, length, num_interrupted = numbers.tolist()
    if not math.isfinite(loss) or not (math.isfinite(length) or accelerator.scaler):
        raise ValueError(_what_broke(run, plan, place, loss))
    run.optimizer.step()
    run.optimizer.zero_grad()
    if run.mean is not None:
        run.mean.update()
    accelerator.log({"loss": loss, "lr": rate, "gradient_norm": length}, step=number)
    place.step += 1
    place.loss_sum += loss
    return loss, num_interrupted > 0


def _what_broke(run: Run, plan: Plan, place: Place, loss: float) -> str:
    """Say where the numbers stopped being numbers, and what was looked at."""
    what = "the gradient is no number" if math.isfinite(loss) else f"the loss is {loss}"
    batch = [run.data.annotations.examples[clip].source for clip in plan.clips]
    return (
        f"epoch {place.epoch + 1}, step {place.step + 1}: {what}; what was saved is unharmed,"
        ' lower optim.lr or set computing.precision = "fp32"; the batch: ' + ", ".join(batch)
    )
