"""The front door: a video and labels become predictions, moments or events.

Embeddings of videos and of labels are computed once by `core`; each question is their product.

Shapes:
    B: clips   T: frames   H W: pixels   K: templates   N: labels   D: shared width
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from actionclip.core import context, frames, scoring
from actionclip.core.actions import ActionEmbedder, Question, Scorer
from actionclip.core.answers import answer_all
from actionclip.core.context import Clip
from actionclip.core.frames import Video
from actionclip.core.labels import Progress
from actionclip.core.reading import ClipReader
from actionclip.core.scoring import Answer, Prediction, Threshold
from actionclip.model import hub
from actionclip.model.actionclip import ActionCLIP
from actionclip.text.actions import Label
from actionclip.timeline import file, watch
from actionclip.timeline.file import Timeline
from actionclip.timeline.moments import Event, Moment
from actionclip.timeline.settings import Settings
from actionclip.timeline.watch import Note, OnFrame, Status, Watching
from actionclip.video.connection import parse_address
from actionclip.video.decoder import Decoder

_DEFAULT_SETTINGS = Settings()
_DEFAULT_WATCHING = Watching()


class Recognizer:
    """Recognizes any actions, given in words, in videos.

    Example:
        >>> recognizer = Recognizer.load("lite")
        >>> recognizer.recognize("bikes.mp4", ["driving a taxi", "parking a bicycle"])
        [Prediction(label='driving a taxi', score=...), Prediction(label=..., score=...)]
    """

    def __init__(self, model: ActionCLIP, decoders: Sequence[Decoder] = ()) -> None:
        """Wrap a model.

        Args:
            model: put into evaluation mode.
            decoders: each reads videos in a limited process of its own, and is used by one thread
                at a time; two with the default limits by default.
        """
        self.model = model.eval()
        self._reader = ClipReader(self.model, decoders or [Decoder(), Decoder()])
        self._labels = ActionEmbedder(self.model, self._reader)

    @classmethod
    def load(
        cls,
        name_or_path: str | Path = "lite",
        *,
        device: str | None = None,
        precision: str = "auto",
        decoders: Sequence[Decoder] = (),
    ) -> Recognizer:
        """Load a model by name ("lite", a hub name) or from a path (see `ActionCLIP.load`).

        Args:
            name_or_path: of the model.
            device: "cpu" or "cuda"; a GPU by default if there is one.
            precision: of the towers: "fp32", "bf16", or "auto": bf16 where it is fast.
            decoders: as in `Recognizer`.

        Raises:
            ValueError: there is no such model, or its files are damaged.
        """
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        return cls(ActionCLIP.load(name_or_path, device=device, precision=precision), decoders)

    def __enter__(self) -> Recognizer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the decoding processes; unfinished iterators raise, a later call starts new ones."""
        self._reader.close()

    def push_to_hub(self, name: str, *, private: bool = False) -> None:
        """Upload the model as "owner/model", a checkpoint that `load` takes by this name."""
        hub.push(self.model.save, name, private=private)

    def recognize(
        self,
        video: Video,
        labels: Sequence[Label] | None = None,
        templates: Sequence[str] | None = None,
        *,
        threshold: Threshold | None = None,
    ) -> list[Prediction]:
        """Rank the labels by how well they describe the video, best first.

        Args:
            video: a file, or its frames, uint8 (T, H, W, 3), RGB.
            labels: any actions, in your own words, or with more than words (`Action`); by default
                those the model was trained on.
            templates: sentences with a hole `{}` for the label; by default the model's own.
            threshold: return only labels whose score, beside "none of these", reaches it: 0…1, or
                "auto" for the calibrated one of each label. By default all labels are returned.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the video cannot be decoded within the limits, the frames are of another
                type or shape, a label is empty or given twice, a template has no hole.
        """
        scoring.check_threshold(threshold)
        if frames.is_file(video):
            self._reader.start()  # while the labels are embedded
        else:
            video = frames.check(video)
        question = self._labels.ask(labels, templates, beside_none=threshold is not None)
        return question.rank(question.score(self.embed(video)[None])[0], threshold)

    def recognize_all(
        self,
        videos: Iterable[Video],
        labels: Sequence[Label] | None = None,
        templates: Sequence[str] | None = None,
        *,
        threshold: Threshold | None = None,
        keep_frames: bool = False,
        on_progress: Progress = lambda done, total: None,
    ) -> Iterator[Answer]:
        """Recognize many files, in their order; the next ones are decoded meanwhile.

        Args:
            videos: files; one that cannot be read yields an `Answer` with an error.
            labels: as in `recognize`.
            templates: as in `recognize`.
            threshold: as in `recognize`.
            keep_frames: return each clip's frames with its answer (about 2 MB).
            on_progress: as in `embed_labels`.

        Raises:
            ValueError: labels or templates are wrong, or a video is not a path.
        """
        scoring.check_threshold(threshold)
        if frames.is_file(videos):
            raise ValueError(f"videos: {str(videos)!r} is one path; give a list of them")
        self._reader.start()  # while the labels are embedded
        question = self._labels.ask(
            labels, templates, beside_none=threshold is not None, on_progress=on_progress
        )
        paths = (frames.as_file(video, "recognize_all") for video in videos)
        yield from answer_all(
            self.model, self._reader, paths, question, threshold, keep_frames=keep_frames
        )

    def timeline(
        self,
        video: Video,
        labels: Sequence[Label] | None = None,
        templates: Sequence[str] | None = None,
        *,
        threshold: Threshold = "auto",
        settings: Settings = _DEFAULT_SETTINGS,
        exclusive: bool = False,
    ) -> list[Moment]:
        """Find when each label occurs, in order of time.

        Args:
            video: a file; its frames are encoded once and cached.
            labels: as in `recognize`.
            templates: as in `recognize`.
            threshold: score that a moment reaches; "auto": the calibrated one of each label, or
                that of the settings.
            settings: frame rate, windows, lengths.
            exclusive: one of the labels at most goes on at a time. Otherwise several can, and the
                score of one does not depend on the others.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: as in `recognize`, or the model cannot make timelines.
        """
        found = self.find_moments(
            video, labels, templates, threshold=threshold, settings=settings, exclusive=exclusive
        )
        return list(found.moments)

    def find_moments(
        self,
        video: Video,
        labels: Sequence[Label] | None = None,
        templates: Sequence[str] | None = None,
        *,
        threshold: Threshold = "auto",
        settings: Settings = _DEFAULT_SETTINGS,
        exclusive: bool = False,
        on_progress: Callable[[int], None] = lambda num_frames: None,
    ) -> Timeline:
        """Do as `timeline`, and return the scores over time too; `on_progress` counts frames."""
        path = frames.as_file(video, "timeline")
        question, settings = self._ask_for_moments(
            labels, templates, threshold, settings, exclusive=exclusive
        )
        read = self._reader.decoders[0].stream_frames
        return file.find(
            self.model, path, question.names, question.score, settings, read, on_progress
        )

    def watch(
        self,
        source: Video,
        labels: Sequence[Label] | None = None,
        templates: Sequence[str] | None = None,
        *,
        threshold: Threshold = "auto",
        settings: Settings = _DEFAULT_SETTINGS,
        exclusive: bool = False,
        watching: Watching = _DEFAULT_WATCHING,
        on_note: Note = lambda note: None,
        is_stopped: Callable[[], bool] = lambda: False,
        status: Status | None = None,
        on_frame: OnFrame = lambda seconds, frame: None,
    ) -> Generator[Event]:
        """Report when each label begins and ends in a live source.

        Args:
            source: a file, a camera (/dev/video0), an rtsp://, http(s):// or udp:// address, or a
                pipe (-).
            labels: as in `recognize`.
            templates: as in `recognize`.
            threshold: as in `timeline`.
            settings: as in `timeline`; the same frames give the same moments.
            exclusive: as in `timeline`.
            watching: real time or not, timeouts, number of reconnects.
            on_note: called with notes on connections, from another thread, and on dropped frames.
            is_stopped: called several times a second; True ends what is open and returns.
            status: kept up to date while the source is watched.
            on_frame: called with the second and the pixels of each frame that the model gets.

        Yields:
            `Began` and `Ended` for each moment, and a `Slot` with the scores of all labels for each
            stride, as soon as they are certain.

        Raises:
            ValueError: as in `timeline`, or the source cannot be watched.
            ConnectionError: there is no connection, and no retry left.
        """
        if not isinstance(source, str):
            source = str(frames.as_file(source, "watch"))
        address = parse_address(source)
        question, settings = self._ask_for_moments(
            labels, templates, threshold, settings, exclusive=exclusive
        )
        return watch.watch(
            self.model,
            address,
            question.names,
            question.score,
            settings,
            watching,
            on_note,
            is_stopped,
            status,
            on_frame,
        )

    def read_frames(self, video: Video) -> UInt8[np.ndarray, "T H W 3"]:
        """Read the frames that the model takes, sampled as in its training.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the video cannot be decoded within the limits, or the frames are wrong.
        """
        return self._reader.read_frames(video)

    def embed(self, video: Video) -> Float[Tensor, " D"]:
        """Embed a video as one clip; arguments and errors are those of `read_frames`.

        Frames in memory have no times: how bodies move is seen in files only.
        """
        if frames.is_file(video):
            path = frames.as_file(video, "embed")
            clip = self._reader.read_clip(self._reader.decoders[0], path)
            return context.embed_clips(self.model, [clip])[0]
        return self.embed_frames(self.read_frames(video))

    def embed_frames(self, frames: UInt8[np.ndarray, "T H W 3"]) -> Float[Tensor, " D"]:
        """Embed the frames of `read_frames` as one clip, each frame by itself."""
        return context.embed_clips(self.model, [Clip(frames)])[0]

    def embed_labels(
        self,
        labels: Sequence[Label],
        templates: Sequence[str] | None = None,
        on_progress: Progress = lambda done, total: None,
        *,
        raw: bool = False,
    ) -> Float[Tensor, "K N D"]:
        """Embed every label in every template; logits of examples have offsets, too (`scorer`)."""
        return self._labels.embed(labels, templates, on_progress, raw=raw).vectors

    def choose_labels(self, labels: Sequence[Label] | None) -> Sequence[Label]:
        """Return the given labels, or those that the model was trained on if none are given."""
        return self._labels.choose(labels)

    @property
    def templates(self) -> tuple[str, ...]:
        """The default templates: those of the model's training."""
        return self._labels.texts.templates

    def scorer(
        self,
        labels: Sequence[Label],
        templates: Sequence[str] | None = None,
        *,
        beside_none: bool,
        exclusive: bool = True,
        on_progress: Progress = lambda done, total: None,
    ) -> Scorer:
        """Embed the labels and return a function from clip embeddings to scores.

        Arguments and errors are those of `ActionEmbedder.ask`.
        """
        return self._labels.ask(
            labels, templates, beside_none=beside_none, exclusive=exclusive, on_progress=on_progress
        ).score

    def _ask_for_moments(
        self,
        labels: Sequence[Label] | None,
        templates: Sequence[str] | None,
        threshold: Threshold,
        settings: Settings,
        *,
        exclusive: bool,
    ) -> tuple[Question, Settings]:
        """Return what a timeline needs: the question, and settings with thresholds."""
        scoring.check_threshold(threshold)
        question = self._labels.ask(labels, templates, beside_none=True, exclusive=exclusive)
        return question, settings.reaching(threshold, question.calibration.thresholds)
