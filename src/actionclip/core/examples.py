"""Example clips become embeddings; the features of each are computed once.

They are in the feature cache by the content of their video, so that the next question, with other
words or another head, decodes nothing.

Shapes:
    N: examples   T: frames of a clip   E: width of a row of vision features   D: shared width
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from actionclip.core import context, encode
from actionclip.core.cache import FeatureCache
from actionclip.core.reading import ClipReader
from actionclip.model.actionclip import ActionCLIP
from actionclip.text.actions import Action, Example


class ExampleEmbedder:
    """Embeds example clips as `recognize` embeds videos."""

    def __init__(self, model: ActionCLIP, reader: ClipReader) -> None:
        self._model = model
        self._reader = reader
        self._cache: FeatureCache | None = None
        self._made_by: object = None
        """What made the features of the cache."""

    def embed(self, action: Action) -> Float[Tensor, "N D"]:
        """Embed the examples of an action, of length one, on the model's device.

        Raises:
            FileNotFoundError: one is gone.
            ValueError: one cannot be decoded within the limits; names the action.
        """
        cache, rows = self._open_cache(), []
        for example in action.examples:
            try:
                rows.append(self._features(cache, example))
            except (ValueError, OSError) as error:
                raise type(error)(f"action {action.name!r}: example {error}") from error
        return encode.embed_rows(self._model, torch.stack(rows))

    def _open_cache(self) -> FeatureCache:
        """Return the cache of the present weights; what could not be stored stays in its memory."""
        made_by = encode.depends_on(self._model)
        if self._cache is None or made_by != self._made_by:
            self._cache, self._made_by = FeatureCache(made_by), made_by
        return self._cache

    def _features(self, cache: FeatureCache, example: Example) -> Float[Tensor, "T E"]:
        part = [example.start_seconds, example.end_seconds]
        key = cache.key(example.path, {"example": part, **self._reader.cache_entry()})
        if (found := cache.find(key)) is not None:
            return found
        if example.start_seconds is None or example.end_seconds is None:
            clip = self._reader.read_clip(self._reader.decoders[0], example.path)
        else:
            clip = self._reader.read_part(example.path, example.start_seconds, example.end_seconds)
        pixels = encode.make_clip(self._model, clip.frames)[None]
        features = encode.vision_features(self._model, pixels)  # (1, T, E)
        rows = context.add(self._model, features, [clip.around])[0]
        cache.add(key, rows)
        return rows
