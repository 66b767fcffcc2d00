"""Many files become answers, in their order: the next ones are decoded while some are encoded."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

from actionclip.core import context, encode
from actionclip.core.actions import Question
from actionclip.core.context import Clip
from actionclip.core.reading import ClipReader
from actionclip.core.scoring import Answer, Threshold
from actionclip.model.actionclip import ActionCLIP
from actionclip.video.decoder import prefetch_clips


def answer_all(
    model: ActionCLIP,
    reader: ClipReader,
    videos: Iterable[Path],
    question: Question,
    threshold: Threshold | None,
    *,
    keep_frames: bool,
) -> Iterator[Answer]:
    """Yield an answer for each video; one that cannot be read gets one with an error.

    Args:
        model: any.
        reader: of its clips.
        videos: files.
        question: about each of them.
        threshold: as in `scoring.rank`.
        keep_frames: return each clip's frames with its answer.
    """
    read = prefetch_clips(videos, reader.read_clip, reader.decoders)

    def answer(batch: list[tuple[Path, Clip | Exception]]) -> list[Answer]:
        clips = [clip for _, clip in batch if isinstance(clip, Clip)]
        rows = iter(question.score(context.embed_clips(model, clips)) if clips else ())
        answers = []
        for video, clip_or_error in batch:
            if isinstance(clip_or_error, Exception):
                answers.append(Answer(video, [], error=str(clip_or_error)))
                continue
            ranked = question.rank(next(rows), threshold)
            answers.append(Answer(video, ranked, clip_or_error.frames if keep_frames else None))
        return answers

    batch_size = encode.clips_at_once(model)
    batches = iter(lambda: list(itertools.islice(read, batch_size)), [])
    for answers in encode.parallel_map(answer, batches, model):
        yield from answers
