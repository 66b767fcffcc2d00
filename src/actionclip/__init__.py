"""Open-vocabulary action recognition: name any actions, learn which of them a video shows.

The public names are imported on first use, so that `import actionclip` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actionclip.model.actionclip import ActionCLIP
    from actionclip.predictions import Prediction
    from actionclip.recognizer import Recognizer
    from actionclip.timeline.moments import Moment

__all__ = ["ActionCLIP", "Moment", "Prediction", "Recognizer"]

_HOMES = {
    "ActionCLIP": "actionclip.model.actionclip",
    "Moment": "actionclip.timeline.moments",
    "Prediction": "actionclip.predictions",
    "Recognizer": "actionclip.recognizer",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
