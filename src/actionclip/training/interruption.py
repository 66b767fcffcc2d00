"""Ctrl-C and SIGTERM become a question that the loop asks between two steps.

So that a run stops where it can be saved, and all processes of it at the same step.
"""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType, TracebackType

import torch
from accelerate import Accelerator

logger = logging.getLogger(__name__)

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Catches the first signal; the second one does what it always does."""

    def __init__(self) -> None:
        self._came = False
        self._before = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():  # else Python forbids it
            self._before = {number: signal.signal(number, self._catch) for number in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def came(self, accelerator: Accelerator) -> bool:
        """Say whether any process was interrupted; every process must ask."""
        if accelerator.num_processes == 1:
            return self._came
        votes = accelerator.reduce(torch.tensor(float(self._came), device=accelerator.device))
        return bool(votes > 0)  # type: ignore[operator]  # a tensor goes in, a tensor comes out

    def _catch(self, number: int, frame: FrameType | None) -> None:
        logger.warning("stopping after this step; once more stops at once, unsaved")
        self._came = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
