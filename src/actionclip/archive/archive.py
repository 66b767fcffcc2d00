"""The front door of an archive: index videos once, and search them by words and examples."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

from actionclip.archive import examples, query, tables
from actionclip.archive.examples import Like
from actionclip.archive.hits import Hit
from actionclip.archive.index import Progress, Report, Run
from actionclip.archive.search import Search
from actionclip.archive.tables import Tables
from actionclip.core import encode, scoring
from actionclip.core.scoring import Threshold
from actionclip.model import fingerprint
from actionclip.model.actionclip import ActionCLIP
from actionclip.recognizer import Recognizer
from actionclip.text import actions
from actionclip.text.actions import Label
from actionclip.timeline import engine
from actionclip.timeline.settings import Settings
from actionclip.video.decoder import SHARED_DECODER, Decoder

SETTINGS = Settings()
"""Of timelines; an archive holds the features that these need."""


class Archive:
    """Videos that one model has read; a search decodes nothing.

    Example:
        >>> archive = Archive.open("archive/", model="lite")
        >>> archive.index(["videos/"])
        >>> archive.search("somebody falls", top=20)
        [Hit(video=..., start_seconds=3.25, end_seconds=5.5, score=0.83, ...), ...]
    """

    def __init__(
        self, tables: Tables, recognizer: Recognizer, decoder: Decoder = SHARED_DECODER
    ) -> None:
        """Wrap tables that this model made; `open` checks that."""
        self.tables = tables
        self.recognizer = recognizer
        self._decoder = decoder

    @classmethod
    def open(
        cls,
        path: str | Path,
        model: str | Path | Recognizer | None = None,
        *,
        must_exist: bool = False,
        device: str | None = None,
        decoder: Decoder = SHARED_DECODER,
    ) -> Archive:
        """Open an archive; it is made if there is none.

        Args:
            path: a folder, or the address of an object store (s3://bucket/archive).
            model: as in `Recognizer.load`, or a loaded one; by default the one that made the
                archive, and `lite` for a new one.
            must_exist: make none.
            device: as in `Recognizer.load`.
            decoder: reads the videos.

        Raises:
            FileNotFoundError: there is no archive, and it must exist.
            ValueError: another model made the archive, the model cannot make one, or the folder is
                no archive.
            ModuleNotFoundError: the extra `archive` is not installed.
        """
        address = str(path)
        opened = tables.open_tables(address)
        if opened is None and must_exist:
            raise FileNotFoundError(
                f"{address}: there is no archive; make one: actionclip index VIDEO... "
                f"--archive {address}"
            )
        if isinstance(model, Recognizer):
            recognizer, name = model, ""
        else:
            name = str(model or (opened.about["model"] if opened else "") or "lite")
            recognizer = Recognizer.load(name, device=device)
        if opened is None:
            name = str(Path(name).absolute()) if name and Path(name).exists() else name
            opened = _create(address, name, recognizer.model)
        _check_model(opened, recognizer.model, name)
        return cls(opened, recognizer, decoder)

    def index(
        self,
        videos: Iterable[str | Path],
        *,
        retry: bool = False,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> Report:
        """Read new and changed videos; all others cost a look at their size and time.

        What was indexed stays if the run is ended, and the next one goes on.

        Args:
            videos: files and folders. Files of these folders that are gone are marked as vanished.
            retry: read videos again that could not be read.
            on_progress: called before each video, and for each minute of it.

        Raises:
            FileNotFoundError: there is no such file or folder.
            ValueError: a folder holds no video, another process is writing, or the archive cannot
                be written.
        """
        with self.tables.writing():
            run = Run(
                self.recognizer.model,
                self.tables,
                SETTINGS,
                self._decoder.stream_frames,
                on_progress,
            )
            return run.index(videos, retry=retry)

    def search(
        self,
        text: Label | None = None,
        *,
        like: Like | Sequence[Like] = (),
        like_share: float = query.LIKE_SHARE,
        without: str | Sequence[str] = (),
        top: int = 20,
        threshold: Threshold | None = None,
        templates: Sequence[str] | None = None,
    ) -> list[Hit]:
        """Find moments by words, by examples or by both, best first.

        Borders and scores are those that `Recognizer.timeline` gives for the same words. The score
        of an example says how likely the same action is, judged by how alike clips of the same and
        of other actions are (`query`).

        Args:
            text: an action in your own words, or with more than words (`Action`).
            like: examples of what to find: clips, and moments of indexed videos,
                "archive:ID@12.5-15", as `Hit.example` has them. Several are one action. What they
                show themselves is found as well if it is indexed.
            like_share: what examples count beside words, 0…1.
            without: actions that a moment must not show more than the one that is searched for.
            top: at most so many hits.
            threshold: the score that a moment reaches somewhere, or "auto", as in
                `Recognizer.timeline`: perhaps there is none. By default weaker ones follow, each
                with the borders that it has where its own best score is the threshold.
            templates: as in `Recognizer.recognize`.

        Raises:
            FileNotFoundError: there is no such clip.
            ValueError: there is nothing to search for, a clip cannot be decoded, a moment is of no
                indexed video or outside of it, or the archive cannot be read.
        """
        scoring.check_threshold(threshold)
        if not 0 <= like_share <= 1:
            raise ValueError(f"like_share: {like_share} is no share; give 0 to 1")
        without = [without] if isinstance(without, str) else without
        like = [like] if isinstance(like, Like) else like
        found = examples.read(self.recognizer, self.tables, like, SETTINGS.frames_per_second)
        question = query.of(self.recognizer, text, found, like_share, without, templates)
        own = actions.thresholds([text]) if text else {}
        fitted = {**self.recognizer.model.calibration.thresholds, **own}
        settings = SETTINGS.reaching("auto" if threshold is None else threshold, fitted)
        paths: defaultdict[str, list[Path]] = defaultdict(list)
        for file in self.tables.files():
            if file.state == "indexed":
                paths[file.video].append(file.path)
        search = Search(self.recognizer.model, self.tables, question, settings, paths)
        return search.find(top, weaker=threshold is None)


def _create(address: str, name: str, model: ActionCLIP) -> Tables:
    engine.check(model)
    if model.classifier is not None:
        raise ValueError(
            "the model is a classifier, which has no words to search by; take a model that was "
            'trained with loss.kind = "contrastive"'
        )
    size = model.encoder.image_size
    row = encode.vision_features(model, torch.zeros(1, 1, 3, size, size))
    context = model.encoder.context
    feature_width = row.shape[-1] + (context.width if context else 0)
    with torch.inference_mode():
        width = model.embed_texts(["an action"]).shape[-1]
    about = {"model": name, "made_by": _made_by(model)}
    return tables.create(address, about, width, feature_width)


def _made_by(model: ActionCLIP) -> dict[str, Any]:
    """Return all of a model that rows and questions depend on, as plain values."""
    made_by = {
        **dataclasses.asdict(model.config),
        "precision": str(model.precision),
        "weights": fingerprint.of_weights(model),
    }
    return json.loads(json.dumps(made_by))


def _check_model(opened: Tables, model: ActionCLIP, name: str) -> None:
    """Refuse a model that did not make the archive."""
    theirs, ours = opened.about["made_by"], _made_by(model)
    different = [key for key in ours if ours[key] != theirs.get(key)]
    if different:
        raise ValueError(
            f"{opened.address}: made by the model {opened.about['model'] or 'of a program'}, and "
            f"{name or 'this one'} differs in {', '.join(different)}; name the model that made it, "
            "or index into a new folder"
        )
