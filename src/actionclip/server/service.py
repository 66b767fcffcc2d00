"""The service: questions of clients become calls of the library, as jobs; its answers go back.

One recognizer serves all threads. The documents have the numbers of the library, digit for digit.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import actionclip
from actionclip.recognizer import Recognizer
from actionclip.server import problems
from actionclip.server.jobs import Job, Jobs, Kind
from actionclip.server.metrics import Metrics
from actionclip.server.problems import ProblemError
from actionclip.server.questions import (
    Curves,
    Labelled,
    ModelFacts,
    Recognition,
    RecognizeQuestion,
    Timeline,
    TimelineQuestion,
    VideoFacts,
)
from actionclip.server.settings import Settings
from actionclip.server.videos import StoredVideo, Upload, Videos
from actionclip.text import label_sets
from actionclip.text.actions import Label
from actionclip.timeline import settings as timeline_settings
from actionclip.timeline.file import Timeline as FoundTimeline
from actionclip.video.decoder import Decoder, VideoInfo

if TYPE_CHECKING:
    from actionclip.archive.archive import Archive
    from actionclip.server.indexed import Indexed

_MAX_POINTS = 1000
"""Of a curve; a screen shows no more."""
_GOOD_FOR = {
    "lite": "actions told by things or by how somebody moves, on any computer; CLIP knows more"
}


class Service:
    """Everything that routes need."""

    def __init__(
        self,
        settings: Settings,
        recognizer: Recognizer,
        uploads: Path,
        archive: Archive | None = None,
    ) -> None:
        """Take a loaded model.

        Args:
            settings: as given by the user.
            recognizer: closed by `close`.
            uploads: folder in which this server makes one of its own.
            archive: what clients may search, with the same recognizer.
        """
        self.settings = settings
        self.recognizer = recognizer
        self.decoder = Decoder()
        """For probes and pictures."""
        self.metrics = Metrics()
        self.jobs = Jobs(settings.limits, self.metrics.count_job)
        self.videos = Videos(uploads, settings.limits)
        self.metrics.collect_from(self.jobs, self.videos)
        self.indexed = _open(archive, self.videos) if archive is not None else None
        self.is_stopping = threading.Event()
        self._closing = threading.Lock()
        self._is_closed = False
        self._facts: dict[str, VideoInfo] = {}

    def close(self) -> None:
        """Finish or cancel the jobs, end all processes, remove all uploads; once."""
        self.is_stopping.set()
        with self._closing:
            if self._is_closed:
                return
            self._is_closed = True
        self.jobs.close(self.settings.limits.stop_seconds)
        self.recognizer.close()
        self.decoder.close()
        self.videos.close()

    def recognize(self, question: RecognizeQuestion, upload: Upload | None) -> Job:
        """Queue a question about one clip."""

        def work(path: Path, name: str, job: Job) -> Recognition:
            predictions = self.recognizer.recognize(
                path, labels, question.templates, threshold=question.threshold
            )
            self.metrics.frames.labels("encoded").inc(self.recognizer.model.config.num_frames)
            shown = [vars(prediction) for prediction in predictions[: question.top]]
            return Recognition.model_validate({"results": [{"video": name, "predictions": shown}]})

        labels = self._labels(question)
        return self._submit("recognize", question, upload, work)

    def timeline(self, question: TimelineQuestion, upload: Upload | None) -> Job:
        """Queue a question about a whole video."""

        def work(path: Path, name: str, job: Job) -> Timeline:
            num_steps = round(self.probe(path).duration_seconds * settings.frames_per_second)
            start = time.monotonic()
            found = self.recognizer.find_moments(
                path,
                labels,
                question.templates,
                threshold=question.threshold,
                settings=settings,
                on_progress=lambda done: job.report(done, max(done, num_steps)),
            )
            self.metrics.frames.labels("encoded").inc(job.done)
            self.metrics.frames_per_second.set(job.done / max(1e-3, time.monotonic() - start))
            document: dict[str, Any] = {
                "video": name,
                "moments": [asdict(moment) for moment in found.moments],
            }
            if question.curves:
                document["curves"] = _curves(found)
            return Timeline.model_validate(document)

        labels = self._labels(question)
        settings = timeline_settings.Settings(
            question.frames_per_second, tuple(question.window_seconds), question.stride_seconds
        )
        return self._submit("timeline", question, upload, work)

    def indexed_or_refuse(self) -> Indexed:
        """Return the archive; ProblemError 404 if the service was started without one."""
        if self.indexed is None:
            raise ProblemError(
                404, "this service has no archive; start it by actionclip serve --archive FOLDER"
            )
        return self.indexed

    def store(self, upload: Upload) -> Job:
        """Queue a look at an uploaded video; the result is its facts, and it is kept."""
        video = self.keep(upload)

        def end(job: Job) -> None:
            if job.state != "done":
                self.videos.remove(video)

        return self.jobs.submit("probe", named(_name_of(video), lambda job: self.facts(video)), end)

    def facts(self, video: StoredVideo) -> VideoFacts:
        """Return what is known about a video.

        Raises:
            ValueError: it cannot be decoded.
        """
        if video.id not in self._facts:
            self._facts[video.id] = self.probe(video.path)
        info = self._facts[video.id]
        return VideoFacts(
            id=video.id,
            name=video.name,
            source="upload" if video.is_upload else "archive",
            bytes=video.num_bytes or video.path.stat().st_size,
            duration_seconds=info.duration_seconds,
            frames_per_second=info.frame_rate,
            num_frames=info.num_frames,
            width=info.width,
            height=info.height,
        )

    def listed(self, video: StoredVideo) -> VideoFacts:
        """Return what is known about a video without opening its file."""
        if video.is_upload or video.id in self._facts:
            return self.facts(video)
        return VideoFacts(
            id=video.id, name=video.name, source="archive", duration_seconds=video.seconds
        )

    @contextmanager
    def reading(self, video: StoredVideo) -> Iterator[Path]:
        """Give the path of a video; what is wrong with it is told by the client's name of it."""
        with self.videos.using(video) as path:
            if not path.is_file():
                raise ProblemError(404, f"{video.name}: the file is gone; index its folder again")
            try:
                yield path
            except (ValueError, OSError) as error:
                raise problems.of_mistake(error, _name_of(video)) from error

    def probe(self, path: Path) -> VideoInfo:
        """Read size and length of a video, in a limited process."""
        return self.decoder.probe(path)

    def model_facts(self) -> ModelFacts:
        """Describe the model."""
        model = self.recognizer.model
        encoder = model.config.encoder
        return ModelFacts(
            name=self.settings.model
            if self.settings.model == "lite"
            else Path(self.settings.model).name,
            encoder=encoder,
            labels=list(model.task.labels or ()),
            templates=list(self.recognizer.templates),
            good_for=_GOOD_FOR.get(encoder, "any actions in words"),
            version=actionclip.__version__,
            has_archive=self.indexed is not None,
            allows_timelines=not (model.config.shift or model.config.joint),
        )

    def label_set(self, name: str) -> Sequence[Label]:
        """Return the labels of a benchmark or of a file that the service was started with.

        Raises:
            ValueError: there is no such set.
        """
        own = self.settings.label_sets
        return own[name] if name in own else label_sets.load(name)

    def _labels(self, question: Labelled) -> Sequence[Label]:
        if question.label_set is None:
            return self.recognizer.choose_labels(question.labels)
        if question.labels:
            raise ValueError("label_set: labels are given already; give one or the other")
        return self.label_set(question.label_set)

    def keep(self, upload: Upload) -> StoredVideo:
        """Store an upload, and count its bytes."""
        self.metrics.upload_bytes.inc(upload.num_bytes)
        return self.videos.keep(upload)

    def _submit(
        self,
        kind: Kind,
        question: Labelled,
        upload: Upload | None,
        work: Callable[[Path, str, Job], Any],
    ) -> Job:
        """Queue work on the video of a question: a stored one, or the upload, used this once."""
        if (upload is None) == (question.video is None):
            raise ProblemError(
                422, "video: give either the id of a stored video or a file in a form"
            )
        video = self.videos.get(question.video or "") if upload is None else self.keep(upload)
        self.videos.acquire(video)
        if upload is not None:
            self.videos.remove(video)  # once it is released
        return self.jobs.submit(
            kind,
            named(_name_of(video), lambda job: work(video.path, video.name, job)),
            lambda _: self.videos.release(video),
        )


def _open(archive: Archive, videos: Videos) -> Indexed:
    from actionclip.server.indexed import Indexed  # needs the extra `archive`, as the caller did

    return Indexed(archive, videos)


def _name_of(video: StoredVideo) -> dict[str, str]:
    return {os.fspath(video.path): video.name}


def named(names: Mapping[str, str], work: Callable[[Job], Any]) -> Callable[[Job], Any]:
    """Replace paths by the client's names in what the library complains of."""

    def named(job: Job) -> Any:  # noqa: ANN401  (the result of the work)
        try:
            return work(job)
        except (ValueError, OSError) as error:
            raise problems.of_mistake(error, names) from error

    return named


def _curves(found: FoundTimeline) -> Curves:
    """Return the scores over time; of many slots the highest of each few."""
    seconds, scores = found.slot_seconds, found.scores
    every = max(1, -(-len(scores) // _MAX_POINTS))
    firsts = np.arange(0, len(scores), every)
    highest = np.maximum.reduceat(scores, firsts) if len(scores) else scores
    return Curves(
        labels=list(found.labels),
        thresholds=[found.settings.start_score_of(label) for label in found.labels],
        seconds=[*seconds[firsts, 0].tolist(), found.duration_seconds],
        scores=highest.T.tolist(),
    )
