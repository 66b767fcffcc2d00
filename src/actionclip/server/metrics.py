"""What /metrics reports, for Prometheus; names of videos, labels and clients are in none of it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import Scope

from actionclip.server.jobs import Job, Jobs
from actionclip.server.videos import Videos

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_STATES = ("queued", "running")


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "actionclip_requests",
            "Requests, by route and status.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "actionclip_request_seconds",
            "Time until a response was sent, by route.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._jobs = Counter(
            "actionclip_jobs",
            "Jobs that ended, by kind.",
            ["kind", "state"],
            registry=self._registry,
        )
        self._job_seconds = Histogram(
            "actionclip_job_seconds",
            "Time that jobs ran, by kind.",
            ["kind"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.frames = Counter(
            "actionclip_frames",
            "Frames used for answers: encoded, or found in the cache.",
            ["source"],
            registry=self._registry,
        )
        self.frames_per_second = Gauge(
            "actionclip_frames_per_second",
            "Frames a second of the last timeline.",
            registry=self._registry,
        )
        self.upload_bytes = Counter(
            "actionclip_upload_bytes", "Bytes of uploaded videos.", registry=self._registry
        )

    def collect_from(self, jobs: Jobs, videos: Videos) -> None:
        """Report the length of the queue and the number of videos as well."""
        self._registry.register(_Now(jobs, videos))

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request."""
        route = getattr(scope.get("route"), "path", "other")
        self._requests.labels(scope["method"][:16], route, status).inc()
        self._seconds.labels(route).observe(seconds)

    def count_job(self, job: Job) -> None:
        """Count a job that ended."""
        self._jobs.labels(job.kind, job.state).inc()
        self._job_seconds.labels(job.kind).observe(job.seconds())

    def text(self) -> bytes:
        """Return all values in Prometheus's format."""
        return generate_latest(self._registry)


class _Now(Collector):
    """Values that are read when they are asked for."""

    def __init__(self, jobs: Jobs, videos: Videos) -> None:
        self._running = jobs
        self._videos = videos

    def collect(self) -> list[GaugeMetricFamily]:
        """Return the gauges."""
        jobs = GaugeMetricFamily("actionclip_jobs_now", "Jobs, by state.", labels=["state"])
        for state in _STATES:
            jobs.add_metric([state], self._running.count(state))
        videos = GaugeMetricFamily("actionclip_videos", "Stored videos.", len(self._videos.all()))
        return [jobs, videos]
