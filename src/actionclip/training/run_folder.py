"""The folder of a run: what it was, how it went, and the state from which it goes on.

    DIR/recipe.toml         the recipe, as it was given
    DIR/environment.json    versions and devices
    DIR/metrics.csv         a row for each epoch; curves.png draws it
    DIR/best/ DIR/last/     checkpoints; last/state.pt is what `resume` needs

A checkpoint is written beside the old one and takes its place when it is whole and on the disk, so
that no moment of being killed leaves less than the state before. Knows no model and no data.
"""

from __future__ import annotations

import csv
import io
import json
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from actionclip import atomic_write
from actionclip.training import curves
from actionclip.training import recipe as recipes

STATE = "state.pt"
_PACKAGES = ("actionclip", "torch", "transformers", "accelerate", "kornia", "av", "numpy", "peft")

State = dict[str, Any]
Row = dict[str, int | float]


class RunFolder:
    """Keeps a run on disk."""

    def __init__(self, path: Path) -> None:
        """Name the folder; nothing is touched before `claim`."""
        self.path = path
        self.last = path / "last"
        self.best = path / "best"

    def check(self, recipe: str, *, resume: bool) -> None:
        """Make sure that the folder is free, or holds the run that is to go on.

        Args:
            recipe: the text of the recipe.
            resume: go on with the run in the folder, if there is one.

        Raises:
            ValueError: the folder holds something else; says what to do.
        """
        kept = self.path / "recipe.toml"
        if kept.is_file() and resume:
            self._check_same(recipe, kept)
            return
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"{self.path}: is a file; name another --output")
        if kept.is_file():
            raise ValueError(
                f"{self.path}: already holds a run; go on with it by --resume, "
                "or name another --output"
            )
        if self.path.exists() and any(entry.name[0] != "." for entry in self.path.iterdir()):
            raise ValueError(f"{self.path}: already holds other files; name another --output")

    def claim(self, recipe: str) -> None:
        """Make the folder this run's; what it has of the run already stays."""
        self.path.mkdir(parents=True, exist_ok=True)
        for folder in (self.last, self.best):
            _finish_replacing(folder)
        atomic_write.write(self.path / "recipe.toml", recipe.encode())
        atomic_write.write(
            self.path / "environment.json", json.dumps(_environment(), indent=2).encode()
        )

    def state(self) -> State | None:
        """Read the state that was saved last, if there is one."""
        path = self.last / STATE
        return torch.load(path, weights_only=True, map_location="cpu") if path.is_file() else None

    def save(
        self, folder: Path, write: Callable[[Path], object], state: State | None = None
    ) -> None:
        """Replace a checkpoint by another.

        Args:
            folder: `best` or `last`.
            write: puts the checkpoint's files into the folder that it is given.
            state: put beside them.

        Raises:
            OSError: the disk is full or fails; the old checkpoint is still there.
        """
        new = _beside(folder, "new")
        with _explaining(folder):
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            write(new)
            if state is not None:
                torch.save(state, new / STATE)
            for file in new.iterdir():
                atomic_write.sync(file)
            atomic_write.sync(new)
        old = _beside(folder, "old")
        if folder.exists() and atomic_write.exchange(new, folder):
            old = new
        else:  # `claim` puts the old one back if this is interrupted
            if folder.exists():
                folder.rename(old)
            new.rename(folder)
        atomic_write.sync(folder.parent)
        shutil.rmtree(old, ignore_errors=True)

    def write_rows(self, rows: Sequence[Row]) -> None:
        """Write the metrics of all epochs so far, and draw them."""
        self.write_table("metrics.csv", rows)
        with _explaining(self.path / "curves.png"):
            atomic_write.write(self.path / "curves.png", curves.draw(rows))

    def write_table(self, name: str, rows: Sequence[Row]) -> None:
        """Write rows of the same columns as a CSV, whole or not at all."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        with _explaining(self.path / name):
            atomic_write.write(self.path / name, text.getvalue().encode())

    def rows(self, name: str = "metrics.csv") -> list[Row]:
        """Read the metrics of all epochs so far, or another table; empty if there is none."""
        path = self.path / name
        if not path.exists():
            return []
        with path.open(newline="", encoding="utf-8") as file:
            return [
                {name: int(cell) if name == "epoch" else float(cell) for name, cell in row.items()}
                for row in csv.DictReader(file)
            ]

    def _check_same(self, recipe: str, kept: Path) -> None:
        """Compare recipes by what they say.

        Raises:
            ValueError: they differ; names the first key that does.
        """
        now = recipes.by_key(recipes.parse(recipe, "the recipe"))
        for key, value in recipes.by_key(recipes.read(kept)).items():
            if now[key] != value:
                raise ValueError(
                    f"{kept}: says {key} = {value!r}, not {now[key]!r}; "
                    "resume with that recipe, or name another --output"
                )


def _finish_replacing(folder: Path) -> None:
    """Put the old checkpoint back if a run was killed while another took its place."""
    old = _beside(folder, "old")
    if old.exists() and not folder.exists():
        old.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(_beside(folder, "new"), ignore_errors=True)


@contextmanager
def _explaining(path: Path) -> Iterator[None]:
    """Say what it means that something cannot be written, and leave nothing half-written."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        new = _beside(path, "new")
        shutil.rmtree(new) if new.is_dir() else new.unlink(missing_ok=True)
        raise OSError(
            f"{path}: could not be written ({error}); what was saved before is unharmed: "
            "make room and go on by --resume"
        ) from error


def _beside(folder: Path, word: str) -> Path:
    return folder.with_name(f".{folder.name}.{word}")


def _environment() -> Mapping[str, object]:
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "packages": versions,
        "python": platform.python_version(),
        "system": platform.platform(),
        "num_threads": torch.get_num_threads(),
        "gpus": gpus,
    }
