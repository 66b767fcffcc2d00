"""What makes scores mean what they say, as a value that goes into a checkpoint.

How sure the model may be, what "none of these" is compared with, and from which score on a label
is named. Knows no model; `scoring` uses the numbers, `evaluation.calibration` fits them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from actionclip.model import documents

BACKGROUND = (
    "sleeping in bed",
    "shaving",
    "baking bread",
    "doing the laundry",
    "making the bed",
    "hammering a nail",
    "digging a hole",
    "petting a cat",
    "hunting with a gun",
    "climbing a rock",
    "swimming in a pool",
    "sunbathing on a beach",
    "flying in an aeroplane",
    "trying on clothes",
    "talking on the phone",
    "holding a meeting",
    "playing chess",
    "folding paper",
    "beating a drum",
    "singing on a stage",
    "jumping over a hurdle",
    "playing cricket",
    "fencing with swords",
    "getting married",
    "crying",
    "smoking a cigarette",
    "swinging on a swing",
    "cutting hair",
    "waiting at a bus stop",
    "opening a door",
    "reading the news",
    "feeding animals",
)
"""All sorts of actions. Only their mean counts, so it does no harm if a label is among them."""


@dataclass(frozen=True)
class Calibration:
    """How logits become scores, and scores an answer that may be "none of these"."""

    temperature: float = 1.0
    """Divides the logits; 1 leaves the model as sure as its own logit scale makes it."""
    margin: float = 3.0
    """Logits by which a label must exceed the mean of the background to be as likely as "none"."""
    background: tuple[str, ...] = BACKGROUND
    """Actions that have nothing to do with each other, to be put into the same templates."""
    threshold: float = 0.4
    """The score from which on a label is named, 0…1, unless it has one of its own."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Labels that have one of their own."""
    fitted_on: str = ""
    """The data that the temperature was fitted on; empty if it was not fitted."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if not 0 < self.temperature < float("inf"):
            raise ValueError(f"temperature: {self.temperature} is not above 0; 1 changes nothing")
        if not math.isfinite(self.margin):
            raise ValueError(f"margin: {self.margin} is no number of logits; 3 is usual")
        if not self.background:
            raise ValueError("background: there is no action in it; write some, or leave it out")
        for name, value in {"threshold": self.threshold, **self.thresholds}.items():
            if not 0 <= value <= 1:
                raise ValueError(f"{name}: the threshold {value} is no score; write 0 to 1")

    def threshold_of(self, label: str) -> float:
        """Give the score from which on a label is named."""
        return self.thresholds.get(label, self.threshold)

    def to_json(self) -> dict[str, Any]:
        """Give the fields as JSON can hold them."""
        return {
            **dataclasses.asdict(self),
            "background": list(self.background),
            "thresholds": dict(self.thresholds),
        }

    @classmethod
    def from_json(cls, document: object, where: str = "calibration") -> Calibration:
        """Read what `to_json` gave; fields that are left out have their defaults.

        Args:
            document: the parsed JSON.
            where: names the file in errors.

        Raises:
            ValueError: for a field that is unknown, of the wrong type or out of range.
        """
        return documents.read(cls, _READERS, document, where)


LITE = Calibration(
    temperature=1.5,
    fitted_on="chosen between the fits to imagined scenes (1.0) and to 15 clips, 35 labels (1.7)",
)
"""The embedded model is too sure of itself; `docs/log.md` tells how the numbers were found."""


def default(encoder: str) -> Calibration:
    """Give what an encoder has before anything is fitted for it.

    CLIP and its relatives keep their own logit scale, and the margin that was measured for `lite`:
    it counts logits, which are learnt to be log-likelihoods, so it is a fair guess for others.
    """
    return LITE if encoder == "lite" else Calibration()


_READERS = {
    "temperature": documents.number,
    "margin": documents.number,
    "background": documents.texts,
    "threshold": documents.number,
    "thresholds": documents.numbers,
    "fitted_on": documents.text,
}
