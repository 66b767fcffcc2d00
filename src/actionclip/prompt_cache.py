"""Embeddings of prompts are kept on disk: sentences that a model has read are not read again.

One folder holds what one model said; each of its files has a table of sentences and their
embeddings. What is damaged is left out and embedded anew, and the oldest files go when all
models' together take too much room. Knows no labels and no models.

Shapes:
    S: sentences   D: shared width
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor

from actionclip import atomic_write

logger = logging.getLogger(__name__)

MAX_BYTES = 512 * 2**20
"""Of all models' prompts together."""


def default_folder() -> Path:
    """Give the folder for what outlives a process, below XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "actionclip/prompts").expanduser()


class PromptCache:
    """The embeddings that one model made, by their sentences."""

    def __init__(
        self, folder: Path, made_by: Mapping[str, Any], max_bytes: int = MAX_BYTES
    ) -> None:
        """Name the place for what one model makes; nothing is read or written yet.

        Args:
            folder: of the prompts of all models; a part of it is this one's.
            made_by: whatever an embedding depends on besides its sentence, as plain values.
            max_bytes: of all files in `folder`.
        """
        document = json.dumps(made_by, sort_keys=True)
        self.folder = folder / hashlib.sha256(document.encode()).hexdigest()[:16]
        self.max_bytes = max_bytes

    def find(self, sentences: Sequence[str]) -> dict[str, Float[Tensor, " D"]]:
        """Give the embeddings of those sentences that are known."""
        wanted, found = set(sentences), {}
        for path in sorted(self.folder.glob("*.safetensors"), reverse=True):
            if wanted <= found.keys():
                break
            for sentence, embedding in _read(path):
                if sentence in wanted:
                    found[sentence] = embedding
        return found

    def add(self, embeddings: Mapping[str, Float[Tensor, " D"]]) -> None:
        """Keep more; a folder that cannot be written, or a full disk, is a warning."""
        table = torch.stack([embedding.detach().cpu() for embedding in embeddings.values()])
        sentences = json.dumps(list(embeddings))
        metadata = {"sentences": sentences, "sha256": _checksum(sentences, table)}
        content = safetensors.torch.save({"embeddings": table}, metadata)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            atomic_write.write(self.folder / f"{time.time_ns()}.safetensors", content)
            self._make_room()
        except OSError as error:
            logger.warning("embeddings of prompts cannot be kept: %s", error)

    def _make_room(self) -> None:
        """Remove the oldest files, of whichever model, until the others are small enough."""
        files = sorted(self.folder.parent.glob("*/*.safetensors"), key=lambda path: path.name)
        sizes = [path.stat().st_size for path in files]
        total = sum(sizes)
        for path, size in zip(files, sizes, strict=True):
            if total <= self.max_bytes:
                break
            path.unlink(missing_ok=True)
            total -= size


def _read(path: Path) -> list[tuple[str, Tensor]]:
    """Read a file; a damaged one is removed and gives nothing."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata, table = file.metadata() or {}, file.get_tensor("embeddings")
        sentences = metadata.get("sentences", "[]")
        if metadata.get("sha256") == _checksum(sentences, table):
            return list(zip(json.loads(sentences), table, strict=True))
    except FileNotFoundError:  # another process made room
        return []
    except SafetensorError as error:
        logger.debug("%s: %s", path, error)
    logger.warning("%s: damaged; its prompts are embedded again", path)
    path.unlink(missing_ok=True)
    return []


def _checksum(sentences: str, table: Float[Tensor, "S D"]) -> str:
    digest = hashlib.sha256(sentences.encode())
    digest.update(table.contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()
