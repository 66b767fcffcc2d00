"""The recognizer: a video and labels go in, predictions come out, best first.

The costly half (a video's embedding, a label's embedding) is computed once by `core`; every
question after that is a product of the two.

Shapes:
    T: frames   H W: pixels   K: templates   N: labels   D: shared width
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from actionclip.core import encode, frames, scoring
from actionclip.core.frames import Video
from actionclip.core.labels import LabelEmbedder
from actionclip.core.scoring import Answer, Prediction, Threshold
from actionclip.model.actionclip import ActionCLIP
from actionclip.timeline import file, watch
from actionclip.timeline.arrivals import Note, Watching
from actionclip.timeline.file import Timeline
from actionclip.timeline.moments import Event, Moment
from actionclip.timeline.settings import Settings
from actionclip.video import sampling, transforms
from actionclip.video.connection import parse_address
from actionclip.video.decoder import Decoder, VideoInfo, prefetch_frames

_USUAL = Settings()
_AS_IT_COMES = Watching()


class Recognizer:
    """Says which of any labels a video shows.

    Example:
        >>> recognizer = Recognizer.load("lite")
        >>> recognizer.recognize("bikes.mp4", ["driving a taxi", "parking a bicycle"])
        [Prediction(label='driving a taxi', score=...), Prediction(label=..., score=...)]
    """

    def __init__(self, model: ActionCLIP, decoders: Sequence[Decoder] = ()) -> None:
        """Take a model.

        Args:
            model: answers.
            decoders: read the videos, each in a process of its own, within its limits; by default
                two with the usual limits. They are used by one thread at a time.
        """
        self.model = model.eval()
        self._decoders = decoders or [Decoder(), Decoder()]
        self._labels = LabelEmbedder(self.model)

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
            name_or_path: what to load.
            device: where it runs, "cpu" or "cuda"; by default a GPU if there is one.
            precision: of the towers: "fp32", "bf16", or "auto", which is bf16 where the device
                multiplies it fast.
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
        """End the processes that decode, at once instead of with this object.

        Answers that are still being given raise an error; a later question starts new processes.
        """
        for decoder in self._decoders:
            decoder.close()

    def push_to_hub(self, name: str, *, private: bool = False) -> None:
        """Upload the model as a checkpoint that `load` takes by the same name.

        Args:
            name: "owner/model".
            private: whether only you can see it.
        """
        from actionclip.model import hub  # late: it imports huggingface_hub

        hub.push(self.model, name, private=private)

    def recognize(
        self,
        video: Video,
        labels: Sequence[str] | None = None,
        templates: Sequence[str] | None = None,
        *,
        threshold: Threshold | None = None,
    ) -> list[Prediction]:
        """Rank the labels by how well they say what the video shows, best first.

        Args:
            video: a file, or its frames, uint8 (T, H, W, 3), RGB.
            labels: any actions, in your own words; by default those the model was trained on.
            templates: sentences with a hole `{}` for the label; by default the model's own.
            threshold: name only labels whose score, beside "none of these", reaches this; then
                the answer may be empty. By default every label is named, and one is the best.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the video cannot be decoded within the limits, frames are not as they
                should be, a label is empty or given twice, a template has no hole.
        """
        scoring.check_threshold(threshold)
        if frames.is_file(video):
            self._decoders[0].start()  # while the labels are embedded
        else:
            video = frames.check(video)
        labels = self._labels.choose(labels)
        scores = self.scorer(labels, templates, beside_none=threshold is not None)
        embedding = self.embed_frames(self.read_frames(video))
        return scoring.rank(scores(embedding[None])[0], labels, threshold, self.model.calibration)

    def recognize_all(
        self,
        videos: Iterable[Video],
        labels: Sequence[str] | None = None,
        templates: Sequence[str] | None = None,
        *,
        threshold: Threshold | None = None,
        keep_frames: bool = False,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Iterator[Answer]:
        """Answer for many files, in their order; the next ones are decoded meanwhile.

        Args:
            videos: files.
            labels: as in `recognize`.
            templates: as in `recognize`.
            threshold: as in `recognize`.
            keep_frames: give the frames with each answer; they take two megabytes, say.
            on_progress: as in `embed_labels`.

        Raises:
            ValueError: labels or templates are wrong, or a video is no file. A file that cannot be
                read is an answer that says why.
        """
        scoring.check_threshold(threshold)
        if frames.is_file(videos):
            raise ValueError(f"videos: {str(videos)!r} is one path; give a list of them")
        self._decoders[0].start()  # while the labels are embedded
        labels = self._labels.choose(labels)
        scores = self.scorer(
            labels, templates, beside_none=threshold is not None, on_progress=on_progress
        )
        paths = (frames.as_file(video, "recognize_all") for video in videos)
        found = prefetch_frames(paths, self._middles, self.model.encoder.short_side, self._decoders)
        clips_at_once = encode.clips_at_once(self.model)

        def answer(some: list[tuple[Path, np.ndarray | Exception]]) -> list[Answer]:
            given = [taken for _, taken in some if isinstance(taken, np.ndarray)]
            clips = [encode.make_clip(self.model, taken) for taken in given]
            rows = iter(scores(encode.embed_clips(self.model, torch.stack(clips))) if clips else ())
            answers = []
            for video, taken in some:
                if isinstance(taken, Exception):
                    answers.append(Answer(video, [], error=str(taken)))
                    continue
                ranked = scoring.rank(next(rows), labels, threshold, self.model.calibration)
                answers.append(Answer(video, ranked, taken if keep_frames else None))
            return answers

        batches = iter(lambda: list(itertools.islice(found, clips_at_once)), [])
        for answers in encode.parallel_map(answer, batches, self.model):
            yield from answers

    def timeline(
        self,
        video: Video,
        labels: Sequence[str] | None = None,
        templates: Sequence[str] | None = None,
        *,
        threshold: Threshold = "auto",
        settings: Settings = _USUAL,
    ) -> list[Moment]:
        """Say when each label fits, by their beginnings; where none of them does, nothing is said.

        Args:
            video: a file; it is read through once, and its frames are looked at once, ever.
            labels: as in `recognize`.
            templates: as in `recognize`.
            threshold: the score that a moment reaches; "auto": what was fitted for each label, and
                what the settings say for others.
            settings: rate, windows and lengths.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: as in `recognize`, or the model is not made for timelines.
        """
        found = self.find_moments(video, labels, templates, threshold=threshold, settings=settings)
        return list(found.moments)

    def find_moments(
        self,
        video: Video,
        labels: Sequence[str] | None = None,
        templates: Sequence[str] | None = None,
        *,
        threshold: Threshold = "auto",
        settings: Settings = _USUAL,
        on_progress: Callable[[int], None] = lambda num_frames: None,
    ) -> Timeline:
        """Do what `timeline` does, and give the scores over time as well.

        Args:
            video: as in `timeline`.
            labels: as in `timeline`.
            templates: as in `timeline`.
            threshold: as in `timeline`.
            settings: as in `timeline`.
            on_progress: called with how many frames have been encoded.
        """
        scoring.check_threshold(threshold)
        path = frames.as_file(video, "timeline")
        labels = self._labels.choose(labels)
        score = self.scorer(labels, templates, beside_none=True)
        return file.find(
            self.model,
            path,
            labels,
            score,
            settings.reaching(threshold, self.model.calibration.thresholds),
            self._decoders[0].stream_frames,
            on_progress,
        )

    def watch(
        self,
        source: Video,
        labels: Sequence[str] | None = None,
        templates: Sequence[str] | None = None,
        *,
        threshold: Threshold = "auto",
        settings: Settings = _USUAL,
        watching: Watching = _AS_IT_COMES,
        on_note: Note = lambda note: None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> Generator[Event]:
        """Tell when each label begins and ends to be seen, as it happens.

        Args:
            source: a file, a camera (/dev/video0), an rtsp://, http(s):// or udp:// address, or a
                pipe (-).
            labels: as in `recognize`.
            templates: as in `recognize`.
            threshold: as in `timeline`.
            settings: as in `timeline`; the same frames give the same moments.
            watching: how the source is read: in real time, how long a frame or a connection may
                be late, how often to connect again.
            on_note: told of connections made and lost, from another thread, and of frames dropped.
            is_stopped: asked several times a second; when it says so, what is open is ended.

        Yields:
            `Began` and `Ended` for each moment, and a `Slot` with the scores of all labels for each
            stride, as soon as they are certain.

        Raises:
            ValueError: as in `timeline`, or the source is nothing that can be watched.
            ConnectionError: there is no connection, and no retry left.
        """
        scoring.check_threshold(threshold)
        if not isinstance(source, str):
            source = str(frames.as_file(source, "watch"))
        address = parse_address(source)
        labels = self._labels.choose(labels)
        score = self.scorer(labels, templates, beside_none=True)
        chosen = settings.reaching(threshold, self.model.calibration.thresholds)
        return watch.watch(
            self.model, address, labels, score, chosen, watching, on_note, is_stopped
        )

    def read_frames(self, video: Video) -> UInt8[np.ndarray, "T H W 3"]:
        """Read the frames that the model takes, chosen as in its training.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the video cannot be decoded within the limits, or frames are not right.
        """
        short_side = self.model.encoder.short_side
        if frames.is_file(video):
            path, decoder = frames.as_file(video, "read_frames"), self._decoders[0]
            return decoder.read_frames(path, self._middles(decoder.probe(path)), short_side)
        given = frames.check(video)
        indices = self._frame_numbers(len(given))
        return transforms.resize_short_side(given[indices], short_side)

    def embed_frames(self, frames: UInt8[np.ndarray, "T H W 3"]) -> Float[Tensor, " D"]:
        """Embed frames that `read_frames` gave as one clip."""
        return encode.embed_clips(self.model, encode.make_clip(self.model, frames)[None])[0]

    def embed_labels(
        self,
        labels: Sequence[str],
        templates: Sequence[str] | None = None,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
        *,
        raw: bool = False,
    ) -> Float[Tensor, "K N D"]:
        """Embed every label in every template; what was embedded before is not embedded again.

        Args:
            labels: any actions, in your own words.
            templates: sentences with a hole `{}`; by default the model's own.
            on_progress: told how many of the new prompts are done, and how many there are.
            raw: leave the labels as they are instead of making words of them.
        """
        return self._labels.embed(labels, templates, on_progress, raw=raw)

    def choose_labels(self, labels: Sequence[str] | None) -> Sequence[str]:
        """Return the given labels, or those that the model was trained on if none are given."""
        return self._labels.choose(labels)

    @property
    def templates(self) -> tuple[str, ...]:
        """The templates that are used when none are given: those of the model's training."""
        return self._labels.templates

    def scorer(
        self,
        labels: Sequence[str],
        templates: Sequence[str] | None = None,
        *,
        beside_none: bool,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Callable[[Float[Tensor, "B D"]], Float[Tensor, "B N"]]:
        """Embed the labels and give what scores them for clip embeddings.

        Args:
            labels: as in `recognize`.
            templates: as in `recognize`.
            beside_none: score them beside "none of these" instead of only among themselves.
            on_progress: as in `embed_labels`.
        """
        return self._labels.scorer(labels, templates, beside_none, on_progress)

    def _middles(self, info: VideoInfo) -> Int64[np.ndarray, " T"]:
        return self._frame_numbers(info.num_frames)

    def _frame_numbers(self, available: int) -> Int64[np.ndarray, " T"]:
        """Choose frames as in the model's training; exact ones where that took keyframes."""
        num_frames = self.model.config.num_frames
        if self.model.task.sampling == "dense":
            return sampling.dense(available, num_frames, sampling.DENSE_STRIDE)[0]
        return sampling.segment_middles(available, num_frames)
