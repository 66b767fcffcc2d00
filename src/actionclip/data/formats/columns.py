"""The header of a table becomes the meaning of its columns.

An unknown column is taken for a mistake, because a misspelt `split` would silently put test clips
into training. Only names that plainly tell of something else are left out, and that is said.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Role = Literal["path", "label", "start", "end", "split", "group", "start_frame", "end_frame"]

NAMES: Mapping[Role, Sequence[str]] = {
    "path": (
        *("path", "file_name", "filename", "file", "filepath", "file_path", "video_path"),
        *("clip_path", "video_file", "video_name", "clip_name", "video", "clip", "relative_path"),
        *("rel_path", "path_to_video", "media", "uri", "video_id", "clip_id", "vid", "name", "id"),
    ),
    "label": (
        *(
            "label",
            "label_name",
            "labels",
            "class_name",
            "class",
            "classes",
            "action_name",
            "action",
        ),
        *("actions", "category", "category_name", "activity", "action_label", "target", "gesture"),
        *("sign", "gloss", "verb_noun", "choice", "tag", "tags", "caption", "text"),
    ),
    "start": (
        *("start", "start_time", "start_seconds", "start_sec", "start_s", "t_start", "begin"),
        *("begin_time", "time_start", "onset", "from"),
    ),
    "end": (
        *("end", "end_time", "end_seconds", "end_sec", "end_s", "t_end", "stop", "stop_time"),
        *("time_end", "to"),
    ),
    "split": ("split", "subset", "partition", "set", "phase"),
    "group": ("group", "subject", "person", "actor", "performer", "participant", "signer"),
    "start_frame": ("start_frame", "first_frame", "begin_frame", "frame_start"),
    "end_frame": ("end_frame", "last_frame", "stop_frame", "frame_end"),
}
"""What columns are called; of several columns of one role, the first in this order counts."""

EXTRA = frozenset(
    (
        *("", "index", "idx", "row", "fps", "frame_rate", "framerate", "width", "height"),
        *("resolution", "size", "seconds", "duration", "duration_seconds", "length"),
        *("num_frames", "n_frames", "nframes", "frame_count", "frames", "total_frames"),
        *("codec", "format", "source", "url", "license", "licence", "md5", "sha1", "sha256"),
        *("checksum", "youtube_id", "label_id", "class_id", "label_idx", "class_idx"),
        *("class_index", "label_index", "action_id", "category_id", "description", "comment"),
        *("comments", "note", "notes", "annotator", "confidence", "author", "date"),
        *("created_at", "updated_at", "annotation_id", "lead_time", "quality", "camera"),
        *("view", "scene", "age", "gender", "is_cc", "n", "unnamed:_0"),
    )
)
"""Names that tell of the video, not of what it shows."""


@dataclass(frozen=True)
class Columns:
    """Which column has which role."""

    of: Mapping[Role, str]
    """The column's name, as it is written."""
    extra: tuple[str, ...] = ()
    """Columns that are left out."""


def understand(header: Sequence[str]) -> tuple[Columns, list[str]]:
    """Give the roles of the columns, and a sentence for each mistake in them."""
    written = {_plain(name): name for name in header}
    roles: dict[Role, str] = {}
    for role, names in NAMES.items():
        found = [name for name in names if name in written]
        if found:
            roles[role] = written[found[0]]
    mistakes = [
        f"there is no column {role!r}; the header is {','.join(header)}"
        for role in ("path", "label")
        if role not in roles
    ]
    spare = [name for name in header if name not in roles.values() and not name.startswith("#")]
    known = {name for names in NAMES.values() for name in names}
    aside = {name for role in ("path", "label") for name in NAMES[role]}
    for name in spare:
        if _plain(name) in EXTRA or _plain(name) in aside:
            continue
        if _plain(name) in known:
            mistakes.append(
                f"two columns tell the same ({name!r}); remove one, or call it '#{name}'"
            )
            continue
        close = difflib.get_close_matches(_plain(name), roles.keys() | NAMES.keys(), 1, cutoff=0.7)
        advice = f"did you mean {close[0]!r}?" if close else f"if it is a note, call it '#{name}'."
        mistakes.append(f"unknown column {name!r}; {advice} Known are {', '.join(NAMES)}")
    return Columns(roles, tuple(spare)), mistakes


def prefer_words(found: Columns, rows: Sequence[Mapping[str, str]]) -> Columns:
    """Take the labels from a column of words, if the chosen one has numbers."""
    label = found.of["label"]
    if not all(row[label].isdecimal() for row in rows):
        return found
    for name in found.extra:
        if _plain(name) in (*NAMES["label"], "name") and any(
            row[name] and not row[name].isdecimal() for row in rows
        ):
            extra = tuple(label if one == name else one for one in found.extra)
            return Columns({**found.of, "label": name}, extra)
    return found


def has_header(cells: Sequence[str]) -> bool:
    """Say whether the first line of a table names its columns."""
    names = {_plain(cell) for cell in cells}
    known = {name for role in ("path", "label") for name in NAMES[role]}
    return bool(names & known) and not any(cell.isdecimal() for cell in cells)


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")
