"""A recipe and a folder become a trained checkpoint in that folder.

The front of this package: reads, prepares, trains, goes on, and at last calibrates the scores and
mixes with the start.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from actionclip.training import calibrating, interpolation, prepare, processes
from actionclip.training import recipe as recipes
from actionclip.training.cached import Progress as Watch
from actionclip.training.progress import Keeper
from actionclip.training.run_folder import RunFolder
from actionclip.training.train import Epoch, Progress, Stopped, train


def fit(
    recipe_text: str,
    output: Path,
    *,
    where: str = "the recipe",
    resume: bool = False,
    device: str | None = None,
    on_features: Watch = lambda done, total: None,
    on_step: Callable[[Progress], object] = lambda progress: None,
    on_epoch: Callable[[Epoch], object] = lambda epoch: None,
) -> RunFolder:
    """Train as the recipe says; afterwards output/best and output/last are checkpoints.

    Args:
        recipe_text: TOML.
        output: the folder of the run; made if it is not there.
        where: names the recipe in errors.
        resume: go on with the run in the folder, if there is one.
        device: cpu, or cuda; a GPU if there is one.
        on_features: told how many features of videos are computed, and how many are wanted.
        on_step: called after every step.
        on_epoch: called after every epoch.

    Raises:
        FileNotFoundError: data or model are not there.
        ValueError: recipe, data or folder are not as they should be, or the loss is no number
            any more; one line says what to do.
        OSError: the disk is full, or another process of the run ended; what was saved before is
            unharmed.
        Stopped: by Ctrl-C or SIGTERM, after saving.
    """
    recipe = recipes.parse(recipe_text, where)
    accelerator = prepare.make_accelerator(recipe, output, device)
    parts = prepare.read_data(recipe, accelerator.num_processes)
    zero_shot = interpolation.read_zero_shot(recipe)
    folder = RunFolder(output)
    folder.check(recipe_text, resume=resume)
    run = prepare.make_run(recipe, accelerator, parts, on_features)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        parts.warn(recipe.data.path)
        folder.claim(recipe_text)
    accelerator.wait_for_everyone()
    state = folder.state()
    fingerprint = prepare.fingerprint(parts)
    if state is not None and state["data"] != fingerprint:
        raise ValueError(
            f"{recipe.data.path}: other clips or labels than those that the run in {output} began "
            "with; bring them back, or name another --output"
        )
    accelerator.init_trackers("log")
    keeper = Keeper(run, folder, fingerprint)
    if state is not None:
        keeper.go_back_to(state)
    try:
        with processes.naming_lost_ones(accelerator.num_processes):
            train(run, keeper, on_step, on_epoch)
            accelerator.wait_for_everyone()
            calibrating.calibrate(run, folder)
            interpolation.compare(run, folder, zero_shot)
            accelerator.wait_for_everyone()
    except Stopped:
        accelerator.end_training()
        raise
    accelerator.end_training()  # ends the process group, so nothing of several processes follows
    return folder
