"""Ctrl-C and SIGTERM become a flag that the loop reads between two steps.

So that a run stops where it can be saved, and all processes of it at the same step: the loop adds
the flags of all processes up with the losses.
"""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType, TracebackType

logger = logging.getLogger(__name__)

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Catches SIGINT and SIGTERM.

    Alone, the second signal does what it always does. In a run of several processes all further
    ones are ignored until the run is saved, because the launcher sends them: torchrun passes on a
    Ctrl-C that the terminal has already sent to every process, and ends processes after its own
    timeout.
    """

    def __init__(self, num_processes: int = 1) -> None:
        """Prepare; signals are caught inside the `with` block.

        Args:
            num_processes: of the run.
        """
        self.requested = False
        """Whether this process got a signal."""
        self._num_processes = num_processes
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

    def _catch(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            return
        self.requested = True
        if self._num_processes > 1:
            logger.warning("stopping after this step")
        else:
            logger.warning("stopping after this step; a second signal stops at once, unsaved")
            self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
