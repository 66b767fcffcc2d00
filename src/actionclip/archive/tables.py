"""The tables of an archive, in a folder or an object store: what is written, and how it is read.

`videos` has a row for each file, `windows` one for each window, `frames` one for each step of a
timeline, and `about` one: which model made it. The row in `videos` is written last: what the other
tables hold of a video without one is left from an interrupted run, and is deleted by the next.

Shapes:
    T: steps   E: width of a row of vision features   D: width of an embedding
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from actionclip.archive.windows import Window

try:
    import lancedb
    import pyarrow as pa
    from filelock import FileLock, Timeout
    from lancedb.query import LanceVectorQueryBuilder
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"an archive needs {error.name}: pip install 'actionclip[archive]'"
    ) from error

VERSION = 1
"""Of the tables; archives of another are refused."""
NUM_PROBES = 100
REFINE_FACTOR = 20
_WIDTH_DIVISOR = 8
"""The index takes widths that are multiples of it; embeddings are filled up by zeros."""
_NAMES = ("videos", "windows", "frames")

State = Literal["indexed", "failed", "vanished"]


@dataclass(frozen=True)
class File:
    """A file, as it was when it was indexed."""

    path: Path
    video: str
    """Names its content: files with the same content share the rows of the other tables."""
    num_bytes: int
    mtime_ns: int
    seconds: float
    """Of video that is indexed."""
    state: State
    error: str = ""
    """Why it could not be read."""


@dataclass(frozen=True, eq=False)
class Near:
    """A window that a query is near to."""

    video: str
    start_seconds: float
    end_seconds: float
    embedding: Float[Tensor, " D"]
    """To the precision of fp16."""


class Tables:
    """An archive on disk; any number of processes read it while one writes."""

    def __init__(self, address: str, database: lancedb.DBConnection) -> None:
        """Open the tables that `create` made.

        Raises:
            ValueError: this is no archive, or one of another version, or it is damaged.
        """
        self.address = address
        with reporting(address):
            about = json.loads(database.open_table("about").to_arrow()["json"][0].as_py())
            self.about: dict[str, Any] = about
            """What `create` was given."""
            if about.get("version") != VERSION:
                raise ValueError(
                    f"{address}: an archive of version {about.get('version')}, and this program "
                    f"reads version {VERSION}; index the videos again into another folder"
                )
            self.files_table, self.windows, self.frames = map(database.open_table, _NAMES)
        self._vector = self.windows.schema.field("vector").type
        self._features = self.frames.schema.field("features").type

    def files(self) -> list[File]:
        """Return all files, in the order of their paths."""
        with reporting(self.address):
            rows = self.files_table.to_arrow().to_pylist()
        files = (File(**{**row, "path": Path(os.fsdecode(row["path"]))}) for row in rows)
        return sorted(files, key=lambda file: file.path)

    def put_files(self, files: Sequence[File]) -> None:
        """Add files, in one step; those with the path of another replace it."""
        if not files:
            return
        rows = [{**asdict(file), "path": os.fsencode(file.path)} for file in files]
        table = pa.Table.from_pylist(rows, schema=_FILE_SCHEMA)
        with reporting(self.address):
            (
                self.files_table.merge_insert("path")
                .when_matched_update_all()
                .when_not_matched_insert_all()
                .execute(table)
            )

    def remove_files(self, paths: Sequence[Path]) -> None:
        """Remove files; what the other tables have of their videos stays."""
        names = ", ".join(f"X'{os.fsencode(path).hex()}'" for path in paths)
        with reporting(self.address):
            if names:
                self.files_table.delete(f"path IN ({names})")

    def add_steps(self, video: str, first_step: int, features: Float[Tensor, "T E"]) -> None:
        """Add the features of consecutive steps."""
        steps = range(first_step, first_step + len(features))
        table = pa.table(
            {
                "video": [video] * len(features),
                "step": pa.array(steps, pa.int32()),
                "features": _column(features.numpy(), self._features),
            },
            schema=self.frames.schema,
        )
        with reporting(self.address):
            self.frames.add(table)

    def add_windows(self, video: str, windows: Sequence[Window], steps_per_second: float) -> None:
        """Add windows of a video."""
        if not windows:
            return
        vectors = np.zeros((len(windows), self._vector.list_size), np.float16)
        for row, window in zip(vectors, windows, strict=True):
            row[: len(window.embedding)] = window.embedding.numpy()
        table = pa.table(
            {
                "video": [video] * len(windows),
                "start": [window.first_step / steps_per_second for window in windows],
                "end": [window.end_step / steps_per_second for window in windows],
                "vector": _column(vectors, self._vector),
            },
            schema=self.windows.schema,
        )
        with reporting(self.address):
            self.windows.add(table)

    def steps(self, video: str, first_step: int, end_step: int) -> tuple[int, Tensor]:
        """Return the number of the first of these steps that there is, and features (T, E)."""
        where = f"video = '{video}' AND step >= {first_step} AND step < {end_step}"
        with reporting(self.address):
            found = self.frames.search().where(where).limit(end_step - first_step).to_arrow()
        found = found.sort_by("step")
        features = torch.from_numpy(_matrix(found["features"]).copy())
        return (found["step"][0].as_py() if len(found) else first_step), features

    def nearest(
        self, direction: Float[Tensor, " D"], limit: int, *, exact: bool = False
    ) -> list[Near]:
        """Return the windows whose embeddings have the largest cosine with a vector, best first.

        Args:
            direction: of any length but zero.
            limit: how many.
            exact: compare with all windows, even if there is an index.
        """
        vector = np.zeros(self._vector.list_size, np.float32)
        vector[: len(direction)] = direction.numpy()
        with reporting(self.address):
            query = self.windows.search(vector)
            assert isinstance(query, LanceVectorQueryBuilder)
            query = query.distance_type("cosine").nprobes(NUM_PROBES).refine_factor(REFINE_FACTOR)
            found = (query.bypass_vector_index() if exact else query).limit(limit).to_arrow()
        vectors = torch.from_numpy(_matrix(found["vector"])[:, : len(direction)].copy()).float()
        columns = (found[name].to_pylist() for name in ("video", "start", "end"))
        return [Near(*row) for row in zip(*columns, vectors, strict=True)]

    def sample(self, num: int, width: int) -> Float[Tensor, "B D"]:
        """Return the embeddings of windows chosen by chance, always the same of the same rows.

        Args:
            num: at most so many windows.
            width: of an embedding, D.
        """
        with reporting(self.address):
            rows = range(self.windows.count_rows())
            chosen = sorted(random.Random(0).sample(rows, min(num, len(rows))))
            if not chosen:
                return torch.zeros(0, width)
            found = self.windows.take_offsets(chosen).select(["vector"]).to_arrow()
        return torch.from_numpy(_matrix(found["vector"])[:, :width].copy()).float()

    def delete(self, videos: Collection[str]) -> None:
        """Delete the windows and frames of videos."""
        if not videos:
            return
        names = ", ".join(f"'{video}'" for video in sorted(videos))
        with reporting(self.address):
            for table in (self.windows, self.frames):
                table.delete(f"video IN ({names})")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only one who writes; an object store has no lock, so take care there yourself.

        Raises:
            ValueError: another process writes.
            OSError: the folder cannot be written.
        """
        if "://" in self.address:
            yield
            return
        lock = FileLock(Path(self.address, ".lock"), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise ValueError(
                f"{self.address}: another process is writing this archive; wait until it ends"
            ) from None
        try:
            yield
        finally:
            lock.release()


def open_tables(address: str) -> Tables | None:
    """Open an archive; None if there is nothing yet.

    Raises:
        ValueError: there is something else, or the archive is damaged or of another version.
    """
    folder = None if "://" in address else Path(address)
    if folder and not folder.exists():
        return None
    if folder and not folder.is_dir():
        raise ValueError(f"{address}: a file, and no archive; give a folder")
    with reporting(address):
        database = _connect(address)
        if "about" not in database.list_tables().tables:
            if folder and any(folder.iterdir()):
                raise ValueError(f"{address}: this folder is no archive; give another or a new one")
            return None
    return Tables(address, database)


def create(address: str, about: Mapping[str, Any], width: int, feature_width: int) -> Tables:
    """Make an empty archive.

    Args:
        address: of a folder that is made, or of an object store.
        about: which model makes it, as plain values.
        width: of embeddings, D.
        feature_width: of a step's features, E.

    Raises:
        ValueError: it cannot be written.
    """
    vector = pa.list_(pa.float16(), -(-width // _WIDTH_DIVISOR) * _WIDTH_DIVISOR)
    place = [pa.field("start", pa.float64()), pa.field("end", pa.float64())]
    video = pa.field("video", pa.string())
    features = pa.field("features", pa.list_(pa.float32(), feature_width))
    schemas = (
        _FILE_SCHEMA,
        pa.schema([video, *place, pa.field("vector", vector)]),
        pa.schema([video, pa.field("step", pa.int32()), features]),
    )
    with reporting(address):
        database = _connect(address)
        for name, schema in zip(_NAMES, schemas, strict=True):
            database.create_table(name, schema=schema, exist_ok=True)
        row = {"json": [json.dumps({"version": VERSION, **about})]}
        database.create_table("about", pa.table(row))  # last: now it is an archive
    return Tables(address, database)


@contextmanager
def reporting(address: str) -> Iterator[None]:
    """Turn an error of the tables into one line that says what to do."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).split(", /")[0].splitlines()[0]  # without places in its source code
        raise ValueError(
            f"{address}: the archive cannot be read or written ({reason}); check the disk, or "
            "index into a new folder"
        ) from error


def _connect(address: str) -> lancedb.DBConnection:
    return lancedb.connect(address, read_consistency_interval=timedelta(0))


def _column(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), type=kind)


def _matrix(column: pa.ChunkedArray) -> np.ndarray:
    array = column.combine_chunks()
    return array.flatten().to_numpy(zero_copy_only=False).reshape(-1, column.type.list_size)


_FILE_SCHEMA = pa.schema(
    [
        pa.field("path", pa.binary()),
        pa.field("video", pa.string()),
        pa.field("num_bytes", pa.int64()),
        pa.field("mtime_ns", pa.int64()),
        pa.field("seconds", pa.float64()),
        pa.field("state", pa.string()),
        pa.field("error", pa.string()),
    ]
)
