"""Which clips selected a checkpoint: a file beside its weights, so that numbers on them say so.

A score is too high on the clips that selected the weights, and a calibration error too low on those
that the calibration was fitted on. Clips are identified by the content of their videos; the parts
of one video count as one clip.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from actionclip.data.annotations import Example

FILE = "selection.json"
_END_BYTES = 2**16


@dataclass(frozen=True)
class Selection:
    """The keys of the clips that selected something of a checkpoint."""

    source: str = ""
    """Where the clips came from, in words: "val", "a held-out part of train", "test"."""
    weights: frozenset[str] = frozenset()
    """Clips whose scores selected the epoch."""
    calibration: frozenset[str] = frozenset()
    """Clips that temperature, margin and thresholds were fitted on."""

    def __or__(self, other: Selection) -> Selection:
        """Return the clips of both; the other's source counts if it has one."""
        return Selection(
            other.source or self.source,
            self.weights | other.weights,
            self.calibration | other.calibration,
        )

    def describe(self, examples: Sequence[Example], split: str) -> str:
        """Return what clips selected, such as "selected on test"; empty if nothing.

        Clips that selected weights are not named again for the calibration fitted on them.

        Args:
            examples: the clips of a metric.
            split: the name of all of them together.
        """
        if not (self.weights or self.calibration):
            return ""
        found = [key(example) for example in examples]
        most, parts = 0, []
        for verb, clips in (("selected", self.weights), ("calibrated", self.calibration)):
            count = sum(one in clips for one in found)
            where = f"{count} of these {len(found)} clips"
            if count == len(found):
                where = "these clips" if split == "all" else split
            if count > most:
                parts.append(f"{verb} on {where}")
                most = count
        return ", ".join(parts)


def keys(examples: Iterable[Example]) -> frozenset[str]:
    """Return the keys of clips."""
    return frozenset(key(example) for example in examples)


def key(example: Example) -> str:
    """Return a hash of a video's size and of its first and last 64 KiB.

    Of a folder of pictures, it is that of the first one and their number; of a file that cannot be
    read, that of its name.
    """
    file, num_pictures = example.video, ""
    if example.frames is not None:
        file = file / example.frames.template.format(example.frames.first)
        num_pictures = str(example.frames.num_frames)
    try:
        with file.open("rb") as opened:
            size = file.stat().st_size
            first = opened.read(_END_BYTES)
            opened.seek(max(0, size - _END_BYTES))
            content = f"{size} {num_pictures} ".encode() + first + opened.read(_END_BYTES)
    except OSError:
        content = file.name.encode()
    return hashlib.sha256(content).hexdigest()[:16]


def write(selection: Selection, checkpoint: Path) -> None:
    """Write the file into the folder of a checkpoint."""
    document = {
        "source": selection.source,
        "weights": sorted(selection.weights),
        "calibration": sorted(selection.calibration),
    }
    (checkpoint / FILE).write_text(json.dumps(document), encoding="utf-8")


def read(checkpoint: str | Path) -> Selection | None:
    """Read the file of a checkpoint; None for models that have none.

    Args:
        checkpoint: its folder, a file in it, the folder of its run (which means `best`), or the
            name of another model.

    Raises:
        ValueError: it is damaged.
    """
    named = Path(checkpoint)
    paths = (named / FILE, named.parent / FILE if named.is_file() else named / "best" / FILE)
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return None
    try:
        document = json.loads(path.read_bytes())
        weights, calibration = (frozenset(document[name]) for name in ("weights", "calibration"))
        return Selection(str(document["source"]), weights, calibration)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: damaged, so it is unknown which clips selected the checkpoint; train again,"
            " or delete it"
        ) from error
