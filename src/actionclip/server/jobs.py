"""Jobs: questions wait in a bounded queue, are computed by a few threads, and can be cancelled.

Quick questions (recognize, search) have threads of their own, so that long ones (timeline, index)
do not hold them up. Results are kept for a while; clients poll them or follow their progress.
"""

from __future__ import annotations

import math
import secrets
import statistics
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Literal

from actionclip.server import problems
from actionclip.server.problems import ProblemError
from actionclip.server.settings import Limits

State = Literal["queued", "running", "done", "failed", "cancelled"]
Kind = Literal["recognize", "timeline", "search", "index", "probe"]
_QUICK: tuple[Kind, ...] = ("recognize", "search", "probe")
_NUM_TIMES = 50
"""Durations of past jobs from which the wait is estimated."""
_MAX_RETRY_SECONDS = 60
_CANCEL_SECONDS = 5.0
"""Cancelled jobs are waited for so long when the server stops."""


class CancelledError(Exception):
    """The job was cancelled while it ran."""


class Job:
    """One question and its result."""

    def __init__(self, kind: Kind, max_seconds: float) -> None:
        self.id = secrets.token_urlsafe(16)
        self.kind: Kind = kind
        self.state: State = "queued"
        self.done = 0
        """Frames, videos or whatever the job counts."""
        self.total: int | None = None
        self.result: Any = None
        self.problem: ProblemError | None = None
        self.is_cancelled = threading.Event()
        self.over: Future[None] = Future()
        """Has a result, None, once the job has ended in any way."""
        self.created = time.monotonic()
        self.started: float | None = None
        self.ended: float | None = None
        self._max_seconds = max_seconds

    def report(self, done: int, total: int | None = None) -> None:
        """Note the progress; called by the work, which ends here if the job is cancelled.

        Raises:
            CancelledError: the job is cancelled.
            ProblemError: it has taken too long.
        """
        self.done, self.total = done, total
        if self.is_cancelled.is_set():
            raise CancelledError
        if self.started and time.monotonic() - self.started > self._max_seconds:
            raise ProblemError(
                503,
                f"the job took longer than {self._max_seconds:g} seconds, the limit; "
                "send a shorter video",
            )

    def seconds(self) -> float:
        """Return how long the job has run."""
        return (self.ended or time.monotonic()) - (self.started or time.monotonic())


class Jobs:
    """The queue, the threads and the results."""

    def __init__(self, limits: Limits, on_end: Callable[[Job], None] = lambda job: None) -> None:
        """Start with nothing queued; `on_end` is called after each job, from its thread."""
        self._limits = limits
        self._on_end = on_end
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._futures: dict[str, Future[None]] = {}
        self._seconds: deque[float] = deque([1.0], maxlen=_NUM_TIMES)
        self._is_closed = False
        num_long = max(1, limits.workers - 1)
        self._quick = ThreadPoolExecutor(limits.workers, "quick")
        self._long = ThreadPoolExecutor(num_long, "long")

    def submit(
        self,
        kind: Kind,
        work: Callable[[Job], Any],
        on_end: Callable[[Job], None] = lambda job: None,
    ) -> Job:
        """Queue work, which returns the result; `on_end` is called in any case, once.

        Raises:
            ProblemError: the queue is full (429), or the server stops (503).
        """
        job = Job(kind, self._limits.job_seconds)
        try:
            with self._lock:
                self._forget_old()
                if self._is_closed:
                    raise ProblemError(
                        503, "the server is stopping; try again", {"Retry-After": "5"}
                    )
                if self._count("queued") >= self._limits.queue:
                    raise self._busy()
                self._jobs[job.id] = job
                pool = self._quick if kind in _QUICK else self._long
                future = pool.submit(self._run, job, work)
                self._futures[job.id] = future
        except BaseException:
            on_end(job)
            raise
        future.add_done_callback(lambda _: self._end(job, on_end))
        return job

    def get(self, job_id: str) -> Job:
        """Return a job; ProblemError 404 if there is none."""
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None:
            minutes = self._limits.keep_seconds / 60
            raise ProblemError(
                404, f"no job is called {job_id[:64]!r}; results are kept for {minutes:g} minutes"
            )
        return job

    def cancel(self, job: Job) -> None:
        """Cancel a job that waits or runs; one that is over stays as it is."""
        job.is_cancelled.set()
        future = self._futures.get(job.id)
        if future is not None:
            future.cancel()

    def remove(self, job: Job) -> None:
        """Cancel a job and forget its result."""
        self.cancel(job)
        with self._lock:
            self._jobs.pop(job.id, None)

    def count(self, state: State) -> int:
        """Return how many jobs are in a state."""
        with self._lock:
            return self._count(state)

    def close(self, seconds: float) -> None:
        """Cancel what waits, let what runs finish in time, then cancel it too."""
        with self._lock:
            self._is_closed = True
            jobs = list(self._jobs.values())
        for job in jobs:
            if job.state == "queued":
                self.cancel(job)
        deadline = time.monotonic() + seconds
        for job in jobs:
            futures.wait([job.over], max(0.0, deadline - time.monotonic()))
        for job in jobs:
            self.cancel(job)
        for job in jobs:
            futures.wait([job.over], max(0.0, deadline + _CANCEL_SECONDS - time.monotonic()))
        self._quick.shutdown(wait=False, cancel_futures=True)
        self._long.shutdown(wait=False, cancel_futures=True)

    def _run(self, job: Job, work: Callable[[Job], Any]) -> None:
        job.started = time.monotonic()
        job.state = "running"
        try:
            job.report(0)
            job.result = work(job)
            job.state = "done"
        except CancelledError:
            job.state = "cancelled"
        except ProblemError as problem:
            job.problem, job.state = problem, "failed"
        except (ValueError, OSError) as error:
            job.problem, job.state = problems.of_mistake(error), "failed"
        except Exception as error:
            job.problem, job.state = problems.of_bug(error), "failed"

    def _end(self, job: Job, on_end: Callable[[Job], None]) -> None:
        if job.state == "queued":
            job.state = "cancelled"
        on_end(job)
        job.ended = time.monotonic()
        with self._lock:
            self._futures.pop(job.id, None)
            if job.state == "done":
                self._seconds.append(job.seconds())
        job.over.set_result(None)
        self._on_end(job)

    def _count(self, state: State) -> int:
        return sum(job.state == state for job in self._jobs.values())

    def _busy(self) -> ProblemError:
        waiting = statistics.fmean(self._seconds) * self._limits.queue / self._limits.workers
        seconds = min(_MAX_RETRY_SECONDS, max(1, math.ceil(waiting)))
        return ProblemError(
            429,
            f"{self._limits.queue} requests wait already, the limit; try again in {seconds} s",
            {"Retry-After": str(seconds)},
        )

    def _forget_old(self) -> None:
        """Forget results that are old, or too many; the oldest come first."""
        oldest = time.monotonic() - self._limits.keep_seconds
        over = [job for job in self._jobs.values() if job.ended is not None]
        surplus = len(over) - self._limits.kept_jobs
        for number, job in enumerate(over):
            if number < surplus or (job.ended or 0) < oldest:
                del self._jobs[job.id]
