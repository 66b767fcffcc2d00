"""A model becomes one that `mteb` can run: rows of its data sets go in, embeddings come out.

`mteb` is the embedding benchmark of many modalities; its video tasks are zero-shot classification,
classification, clustering and retrieval:

    model = mteb_adapter.load("lite")
    mteb.evaluate(model, mteb.get_tasks(tasks=["HMDB51ZeroShot"]))

Texts are embedded as they come, in no template: the tasks write whole sentences ("a video of
climbing"). Videos are decoded as everywhere in this package, within its limits; torchcodec, which
the data sets would decode with, is not needed. Knows no task and no metric.

Shapes:
    N M: texts or videos   D: shared width
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader

from actionclip.model import fingerprint
from actionclip.model.actionclip import ActionCLIP
from actionclip.recognizer import Recognizer

_MODALITIES = ("text", "image", "audio", "video")
"""As `mteb` names them: a column of a data set that is called so is to be embedded."""

Embeddings = Float[np.ndarray, "_ D"] | Float[Tensor, "_ D"]


def load(name_or_path: str | Path, *, device: str | None = None) -> MtebModel:
    """Load a model as one that `mteb.evaluate` takes.

    Args:
        name_or_path: as in `Recognizer.load`.
        device: likewise.

    Raises:
        ValueError: there is no such model, or its files are damaged.
    """
    recognizer = Recognizer.load(name_or_path, device=device)
    return MtebModel(recognizer, f"actionclip/{Path(name_or_path).name}")


class MtebModel:
    """What `mteb` calls an encoder (its `EncoderProtocol`)."""

    def __init__(self, recognizer: Recognizer, name: str) -> None:
        """Take a recognizer.

        Args:
            recognizer: reads the videos and embeds them.
            name: "owner/model", under which `mteb` keeps the results.
        """
        self._recognizer = recognizer
        self._name = name

    @functools.cached_property
    def mteb_model_meta(self) -> Any:  # noqa: ANN401, mteb's ModelMeta
        """What is known of the model; what only its maker knows (licence, data) stays unsaid.

        Raises:
            ModuleNotFoundError: the extra `mteb` is not installed.
        """
        try:
            from mteb.models.model_meta import (  # pyright: ignore[reportMissingImports]
                ModelMeta,
                ScoringFunction,
            )
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"running a model under mteb needs {error.name}: pip install 'actionclip[mteb]'"
            ) from error
        model = self._recognizer.model
        parameters = list(model.parameters())
        return ModelMeta.create_empty(
            {
                "name": self._name,
                "revision": _revision(model),
                "n_parameters": sum(one.numel() for one in parameters),
                "memory_usage_mb": round(sum(one.nbytes for one in parameters) / 2**20, 1),
                "embed_dim": model.encoder.width,
                "framework": ["PyTorch"],
                "similarity_fn_name": ScoringFunction.COSINE,
                "use_instructions": False,
                "modalities": ["video", "text"],
            }
        )

    def encode(
        self,
        inputs: DataLoader[Any],
        *,
        task_metadata: Any,  # noqa: ANN401, mteb's TaskMetadata
        **_: object,
    ) -> Float[np.ndarray, "N D"]:
        """Embed every row, as vectors of length one, in the order of the data set.

        Args:
            inputs: holds a data set with a column "text" or a column "video"; its batches are not
                asked for, because they come decoded.
            task_metadata: names the task in errors.

        Raises:
            ValueError: rows are of another modality or of several, or a video cannot be decoded.
        """
        dataset: Any = inputs.dataset
        found = [column for column in dataset.column_names if column in _MODALITIES]
        if found == ["text"]:
            embeddings = self._embed_texts(list(dataset["text"]))
        elif found == ["video"]:
            embeddings = self._embed_videos(dataset, task_metadata.name)
        else:
            raise ValueError(
                f"{task_metadata.name}: rows of {' and '.join(found) or 'neither text nor video'}; "
                "the model embeds one text or one video, choose tasks of these"
            )
        return embeddings.cpu().numpy()

    def similarity(self, embeddings1: Embeddings, embeddings2: Embeddings) -> Float[Tensor, "N M"]:
        """Give the cosine of each of the first with each of the second."""
        return _unit(embeddings1) @ _unit(embeddings2).T

    def similarity_pairwise(
        self, embeddings1: Embeddings, embeddings2: Embeddings
    ) -> Float[Tensor, " N"]:
        """Give the cosine of each of the first with its fellow among the second."""
        return (_unit(embeddings1) * _unit(embeddings2)).sum(dim=-1)

    @torch.inference_mode()
    def _embed_texts(self, texts: list[str]) -> Float[Tensor, "N D"]:
        return self._recognizer.model.embed_texts(texts)

    def _embed_videos(self, dataset: Any, task: str) -> Float[Tensor, "N D"]:  # noqa: ANN401
        from datasets import Video  # pyright: ignore[reportMissingImports], comes with mteb

        files = dataset.select_columns("video").cast_column("video", Video(decode=False))
        embeddings: list[Tensor] = []
        for index, row in enumerate(files):
            try:
                with _on_disk(row["video"]) as path:
                    frames = self._recognizer.read_frames(path)
            except (ValueError, OSError) as error:
                raise ValueError(f"{task}: video {index} of {len(files)}: {error}") from error
            embeddings.append(self._recognizer.embed_frames(frames))
        return torch.stack(embeddings)


@contextlib.contextmanager
def _on_disk(video: Mapping[str, Any]) -> Iterator[Path]:
    """Give the file of a video that a data set holds as a path or as its bytes."""
    if video["bytes"] is None:
        yield Path(video["path"])
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(video["path"] or "video").name
        path.write_bytes(video["bytes"])
        yield path


def _unit(embeddings: Embeddings) -> Float[Tensor, "_ D"]:
    return F.normalize(torch.as_tensor(embeddings).float(), dim=-1)


def _revision(model: ActionCLIP) -> str:
    """Name what the embeddings depend on: `mteb` looks up old results by name and revision."""
    everything = (
        f"{fingerprint.of_weights(model)} {dataclasses.asdict(model.config)} {model.precision}"
    )
    return hashlib.sha256(everything.encode()).hexdigest()[:16]
