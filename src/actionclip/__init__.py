"""Open-vocabulary action recognition: name any actions, learn which of them a video shows.

The public names are imported on first use, so that `import actionclip` costs nothing. Telemetry of
the libraries below is turned off here, before any of them is imported, for this process and its
children.
"""

import importlib
import logging
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    __version__: str
    from actionclip.archive.archive import Archive
    from actionclip.archive.hits import Hit
    from actionclip.core.scoring import Prediction
    from actionclip.core.tables import rows
    from actionclip.model.actionclip import ActionCLIP
    from actionclip.recognizer import Recognizer
    from actionclip.text.actions import Action, Example
    from actionclip.timeline.moments import Moment

__all__ = [
    "Action",
    "ActionCLIP",
    "Archive",
    "Example",
    "Hit",
    "Moment",
    "Prediction",
    "Recognizer",
    "rows",
]

_HOMES = {
    "Action": "actionclip.text.actions",
    "ActionCLIP": "actionclip.model.actionclip",
    "Archive": "actionclip.archive.archive",
    "Example": "actionclip.text.actions",
    "Hit": "actionclip.archive.hits",
    "Moment": "actionclip.timeline.moments",
    "Prediction": "actionclip.core.scoring",
    "Recognizer": "actionclip.recognizer",
    "rows": "actionclip.core.tables",
}


def _turn_off_telemetry() -> None:
    """Turn off what libraries would send; most read these variables when they are imported."""
    already_on = "onnxruntime" in sys.modules and os.environ.get("ORT_DISABLE_TELEMETRY") != "1"
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # else it writes a device id and connects
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    if already_on:
        sys.modules["onnxruntime"].disable_telemetry_events()
        logging.getLogger(__name__).warning(
            "onnxruntime was imported before actionclip, with its telemetry on, and sends what it "
            "has collected until now; import actionclip first, or set ORT_DISABLE_TELEMETRY=1"
        )


_turn_off_telemetry()


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib import metadata  # late: it takes longer than the rest of this file

        return metadata.version("actionclip")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
