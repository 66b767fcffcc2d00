"""`actionclip cache`: shows where the cache is and how large, or empties it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from actionclip.cli import options, terminal


def cache(
    action: Annotated[
        str, typer.Argument(metavar="[clear]", help="Empty the cache.", show_default=False)
    ] = "",
    as_json: options.AsJson = False,
) -> None:
    """Show where the cache is and how large, or empty it.

    It holds features of videos and embeddings of prompts; what is missing is computed again. It
    takes at most 20 GB, or ACTIONCLIP_CACHE_GB; the least recently used entries are removed first.
    """
    if action not in ("", "clear"):
        raise ValueError(f"cache: unknown {action!r}; give nothing, or clear")
    from actionclip.core import store

    folder, limit = store.default_folder(), store.max_bytes()
    if action == "clear":
        removed = sum(store.usage(folder, kind).num_bytes for kind in store.KINDS)
        store.clear(folder)
        terminal.note(f"{folder}: removed {_size(removed)}")
    if action == "" or as_json:
        _show(folder, limit, {kind: store.usage(folder, kind) for kind in store.KINDS}, as_json)


def _show(folder: Path, limit: int, kinds: dict[str, tuple[int, int]], as_json: bool) -> None:
    sizes = {kind: num_bytes for kind, (_, num_bytes) in kinds.items()}
    total = sum(sizes.values())
    if as_json:
        print(json.dumps({"folder": str(folder), "bytes": total, "limit": limit, "kinds": sizes}))
        return
    print(f"{folder}: {_size(total)} of at most {_size(limit)}")
    for kind, (num_files, num_bytes) in kinds.items():
        print(f"  {kind:<11} {_size(num_bytes):>9}  {num_files:,} files")


def _size(num_bytes: int) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= factor:
            return f"{num_bytes / factor:.3g} {unit}"
    return f"{num_bytes} bytes"
