"""Where a run is: the epoch and step that come next, what was reached, and when to write it down.

Writing costs time, so that quick epochs are written together: saving takes a twentieth of the time
at most. Knows the folder, and of the run only that it can say and write its weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor

from actionclip.training import averaging
from actionclip.training.averaging import Weights
from actionclip.training.run import Run
from actionclip.training.run_folder import Row, RunFolder, State
from actionclip.training.validation import Metrics

_LONGEST_SHARE_OF_SAVING = 1 / 20


@dataclass
class Place:
    """The step that comes next, what has been seen since the epoch began, and the best score."""

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    best: float = -math.inf


class Keeper:
    """Keeps a run's place, and on disk what is needed to come back to it."""

    def __init__(self, run: Run, folder: RunFolder, data: str) -> None:
        """Begin at the beginning.

        Args:
            run: whose weights are kept.
            folder: where.
            data: says which clips these are; kept with the state.
        """
        self.run = run
        self.folder = folder
        self.data = data
        self.place = Place()
        self.rows: list[Row] = []
        self._best: Weights | None = None
        """Those that are better than what is on disk."""
        self._saved_at = time.monotonic()
        self._seconds_of_saving = 0.0

    def go_back_to(self, state: State) -> None:
        """Go on from where the run was saved."""
        self.place = Place(**state["place"])
        self.run.load_state_dict(state["run"])
        self.rows = [row for row in self.folder.rows() if row["epoch"] <= self.place.epoch]

    def end_epoch(self, metrics: Metrics) -> None:
        """Note what an epoch led to, the first of the metrics being the one that counts."""
        place = self.place
        score = next(iter(metrics.values()))
        self.rows.append({"epoch": place.epoch + 1, "loss": place.loss_sum / place.step, **metrics})
        if score > place.best:
            self._best = averaging.copy(self.run.kept)
        self.place = Place(place.epoch + 1, best=max(place.best, score))

    def is_due(self) -> bool:
        """Say whether it is time to save."""
        most = max(
            self.run.recipe.computing.seconds_between_saves,
            self._seconds_of_saving / _LONGEST_SHARE_OF_SAVING,
        )
        return time.monotonic() - self._saved_at >= most

    def save(self) -> None:
        """Write what is new: first the best and the metrics, then the state that includes them."""
        started = time.monotonic()
        if self.run.accelerator.is_main_process:
            run, folder = self.run, self.folder
            if (best := self._best) is not None:
                folder.save(folder.best, lambda path: self._write(path, best, is_selected=True))
            if self.rows:
                folder.write_rows(self.rows)
            state = {"data": self.data, "place": asdict(self.place), "run": run.state_dict()}
            folder.save(
                folder.last, lambda path: self._write(path, run.kept, is_selected=False), state
            )
        self._best = None
        self._saved_at = time.monotonic()
        self._seconds_of_saving = self._saved_at - started

    def _write(self, path: Path, weights: Mapping[str, Tensor], *, is_selected: bool) -> None:
        self.run.write_checkpoint(path, weights)
        self.run.write_selection(path, is_selected=is_selected)
