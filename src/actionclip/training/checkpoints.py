"""The folder of a run: recipe, metrics, checkpoints, and the state from which a run resumes.

    DIR/recipe.toml         the recipe as it was given
    DIR/environment.json    versions and devices
    DIR/metrics.csv         a row for each epoch; curves.png draws it
    DIR/best/ DIR/last/     checkpoints; last/state.pt is the state

A checkpoint is written beside the old one and replaces it when it is complete and on the disk, so
that a killed run never has less than the state before.
"""

from __future__ import annotations

import csv
import io
import json
import math
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from safetensors import SafetensorError

from actionclip import atomic_write
from actionclip.training import optim
from actionclip.training import recipe as recipes
from actionclip.training.optim import Weights
from actionclip.training.run import Run

STATE = "state.pt"
_PACKAGES = {"actionclip", "torch", "transformers", "accelerate", "kornia", "av", "numpy", "peft"}
_MAX_SHARE_OF_SAVING = 1 / 20
"""Of the time of a run, so that quick epochs are saved together."""

Row = dict[str, int | float]


@dataclass
class TrainState:
    """The next step, the losses since its epoch began, and the best score so far."""

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    best: float = -math.inf


class CheckpointManager:
    """Saves and restores a run; only the main process writes."""

    def __init__(self, folder: Path, recipe: str, fingerprint: str, *, resume: bool) -> None:
        """Check that the folder is free, or holds the run to resume; nothing is written.

        Args:
            folder: of the run.
            recipe: its text.
            fingerprint: of the clips.
            resume: whether to continue the run in the folder, if there is one.

        Raises:
            ValueError: the folder holds something else.
        """
        self.folder = folder
        self.last, self.best = folder / "last", folder / "best"
        self.state = TrainState()
        self.rows: list[Row] = []
        self._recipe = recipe
        self._fingerprint = fingerprint
        self._unsaved_best: Weights | None = None
        self._saved_at = time.monotonic()
        self._seconds_of_saving = 0.0
        path = folder / "recipe.toml"
        if path.is_file():
            if not resume:
                raise ValueError(
                    f"{folder}: already holds a run; continue it by --resume, "
                    "or name another --output"
                )
            now = recipes.by_key(recipes.parse(recipe, "the recipe"))
            for key, value in recipes.by_key(recipes.read(path)).items():
                if now[key] != value:
                    raise ValueError(
                        f"{path}: has {key} = {value!r}, not {now[key]!r}; "
                        "resume with that recipe, or name another --output"
                    )
        elif folder.exists() and not folder.is_dir():
            raise ValueError(f"{folder}: is a file; name another --output")
        elif folder.exists() and any(entry.name[0] != "." for entry in folder.iterdir()):
            raise ValueError(f"{folder}: already holds other files; name another --output")

    def create(self) -> None:
        """Make the folder, and complete what a killed run left; its checkpoints stay."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in (self.last, self.best):
            old = _beside(path, "old")
            if old.exists() and not path.exists():
                old.rename(path)
            shutil.rmtree(old, ignore_errors=True)
            shutil.rmtree(_beside(path, "new"), ignore_errors=True)
        atomic_write.write(self.folder / "recipe.toml", self._recipe.encode())
        environment = json.dumps(_environment(), indent=2).encode()
        atomic_write.write(self.folder / "environment.json", environment)

    def restore(self, run: Run) -> None:
        """Restore the state that was saved last; ValueError if it is of other clips or labels."""
        path = self.last / STATE
        if not path.is_file():
            return
        saved = torch.load(path, weights_only=True, map_location="cpu")
        if saved["data"] != self._fingerprint:
            raise ValueError(
                f"{run.recipe.data.path}: other clips or labels than those that the run in "
                f"{self.folder} began with; restore them, or name another --output"
            )
        self.state = TrainState(**saved["place"])
        run.load_state_dict(saved["run"])
        rows = read_rows(self.folder / "metrics.csv")
        self.rows = [row for row in rows if row["epoch"] <= self.state.epoch]

    def end_epoch(self, run: Run, metrics: Mapping[str, float]) -> None:
        """Note the metrics of an epoch; the first one selects the best."""
        state, score = self.state, next(iter(metrics.values()))
        self.rows.append({"epoch": state.epoch + 1, "loss": state.loss_sum / state.step, **metrics})
        if score > state.best:
            self._unsaved_best = optim.copy_weights(run.tested)
        self.state = TrainState(state.epoch + 1, best=max(state.best, score))

    def is_due(self, run: Run) -> bool:
        """Whether it is time to save."""
        interval = self._seconds_of_saving / _MAX_SHARE_OF_SAVING
        interval = max(interval, run.recipe.computing.seconds_between_saves)
        return time.monotonic() - self._saved_at >= interval

    def save(self, run: Run) -> None:
        """Write what is new: first the best and the metrics, then the state that includes them."""
        started = time.monotonic()
        if run.accelerator.is_main_process:
            if (best := self._unsaved_best) is not None:
                self.replace(
                    self.best, lambda path: run.write_checkpoint(path, best, is_selected=True)
                )
            if self.rows:
                self.write_table("metrics.csv", self.rows)
                with _saving(self.folder / "curves.png") as path:
                    atomic_write.write(path, draw(self.rows))
            saved = {"data": self._fingerprint, "place": asdict(self.state)}

            def write(path: Path) -> None:
                run.write_checkpoint(path, run.tested, is_selected=False)
                torch.save({**saved, "run": run.state_dict()}, path / STATE)

            self.replace(self.last, write)
        self._unsaved_best = None
        self._saved_at = time.monotonic()
        self._seconds_of_saving = self._saved_at - started

    def replace(self, folder: Path, write: Callable[[Path], object]) -> None:
        """Replace a checkpoint by one that `write` puts into the folder it is given.

        After an OSError, such as of a full disk, the old checkpoint is still there.
        """
        new = _beside(folder, "new")
        with _saving(folder):
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            write(new)
            for file in new.iterdir():
                atomic_write.sync(file)
            atomic_write.sync(new)
        old = _beside(folder, "old")
        if folder.exists() and atomic_write.exchange(new, folder):
            old = new
        else:  # `create` restores the old one if this is interrupted
            if folder.exists():
                folder.rename(old)
            new.rename(folder)
        atomic_write.sync(folder.parent)
        shutil.rmtree(old, ignore_errors=True)

    def write_table(self, name: str, rows: Sequence[Row]) -> None:
        """Write rows of the same columns as a CSV."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        with _saving(self.folder / name) as path:
            atomic_write.write(path, text.getvalue().encode())


def read_rows(path: Path) -> list[Row]:
    """Read a table of `write_table`; empty if there is none."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {name: int(cell) if name == "epoch" else float(cell) for name, cell in row.items()}
            for row in csv.DictReader(file)
        ]


def draw(rows: Sequence[Mapping[str, int | float]]) -> bytes:
    """Draw the loss of each epoch, and below it the scores on held-out clips, as a PNG."""
    figure = Figure(figsize=(7, 6), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    epochs = [row["epoch"] for row in rows]
    above.plot(epochs, [row["loss"] for row in rows], marker=".", color="tab:red")
    above.set(ylabel="training loss", ylim=(0, None))
    for name in list(rows[0])[2:]:
        below.plot(epochs, [100 * row[name] for row in rows], marker=".", label=name)
    below.set(xlabel="epoch", ylabel="held-out clips, %", ylim=(0, 101))
    below.legend(loc="lower right")
    for axes in (above, below):
        axes.grid(alpha=0.3)
    png = io.BytesIO()
    figure.savefig(png, dpi=120)
    return png.getvalue()


@contextmanager
def _saving(path: Path) -> Iterator[Path]:
    """Explain an error of writing, and remove what is incomplete."""
    try:
        yield path
    except (OSError, RuntimeError, SafetensorError) as error:
        new = _beside(path, "new")
        shutil.rmtree(new) if new.is_dir() else new.unlink(missing_ok=True)
        raise OSError(
            f"{path}: could not be written ({error}); what was saved before is intact: "
            "make room and continue by --resume"
        ) from error


def _beside(path: Path, word: str) -> Path:
    return path.with_name(f".{path.name}.{word}")


def _environment() -> Mapping[str, Any]:
    return {
        "packages": {d.name: d.version for d in metadata.distributions() if d.name in _PACKAGES},
        "python": platform.python_version(),
        "system": platform.platform(),
        "num_threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    }
