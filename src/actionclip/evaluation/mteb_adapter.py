"""A model for `mteb`, the embedding benchmark of many modalities: rows in, embeddings out.

Its video tasks are zero-shot classification, classification, clustering and retrieval:

    model = mteb_adapter.load("lite")
    mteb.evaluate(model, mteb.get_tasks(tasks=["HMDB51ZeroShot"]))

Texts are embedded in no template: the tasks write whole sentences ("a video of climbing"). Videos
are decoded within the limits of this package; torchcodec is not needed.

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
from actionclip.recognizer import Recognizer

_MODALITIES = ("text", "image", "audio", "video")
"""The names of columns that `mteb` embeds."""

Embeddings = Float[np.ndarray, "_ D"] | Float[Tensor, "_ D"]


def load(name_or_path: str | Path, *, device: str | None = None) -> MtebModel:
    """Load a model for `mteb.evaluate`; arguments and errors are those of `Recognizer.load`."""
    recognizer = Recognizer.load(name_or_path, device=device)
    return MtebModel(recognizer, f"actionclip/{Path(name_or_path).name}")


class MtebModel:
    """An encoder for `mteb` (its `EncoderProtocol`).

    Args:
        recognizer: decodes and embeds the videos.
        name: "owner/model", under which `mteb` stores the results.
    """

    def __init__(self, recognizer: Recognizer, name: str) -> None:
        self._recognizer = recognizer
        self._name = name

    @functools.cached_property
    def mteb_model_meta(self) -> Any:  # noqa: ANN401, mteb's ModelMeta
        """The description of the model, without licence and training data.

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
        # mteb looks up old results by name and revision.
        state = (
            f"{fingerprint.of_weights(model)} {dataclasses.asdict(model.config)} {model.precision}"
        )
        return ModelMeta.create_empty(
            {
                "name": self._name,
                "revision": hashlib.sha256(state.encode()).hexdigest()[:16],
                "n_parameters": sum(one.numel() for one in parameters),
                "memory_usage_mb": round(sum(one.nbytes for one in parameters) / 2**20, 1),
                "embed_dim": self._recognizer.embed_labels(["a"], ["{}"]).shape[-1],
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
                used, because they are decoded already.
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
        """Return the cosine of each of the first with each of the second."""
        return _unit(embeddings1) @ _unit(embeddings2).T

    def similarity_pairwise(
        self, embeddings1: Embeddings, embeddings2: Embeddings
    ) -> Float[Tensor, " N"]:
        """Return the cosine of each of the first with the same row of the second."""
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
                    embeddings.append(self._recognizer.embed(path))
            except (ValueError, OSError) as error:
                raise ValueError(f"{task}: video {index} of {len(files)}: {error}") from error
        return torch.stack(embeddings)


@contextlib.contextmanager
def _on_disk(video: Mapping[str, Any]) -> Iterator[Path]:
    """Yield the file of a video that a data set holds as a path or as its bytes."""
    if video["bytes"] is None:
        yield Path(video["path"])
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(video["path"] or "video").name
        path.write_bytes(video["bytes"])
        yield path


def _unit(embeddings: Embeddings) -> Float[Tensor, "_ D"]:
    return F.normalize(torch.as_tensor(embeddings).float(), dim=-1)
