"""The label lists of known benchmarks, as plain files: one label a line, in the benchmark's order.

The names are the benchmarks' own, split into words and otherwise left alone, so that results can be
compared with those of others. The first line of each file names its source.
"""

from dataclasses import replace
from pathlib import Path

from actionclip.text import label_files, labels
from actionclip.text.label_files import LabelFile

_FOLDER = Path(__file__).parent
NAMES = tuple(sorted(file.stem for file in _FOLDER.glob("*.txt")))
"""The names that `load` takes."""


def load(name: str) -> list[str]:
    """Return the labels of a benchmark; `ValueError` if there is no label set of this name."""
    if name not in NAMES:
        raise ValueError(f"no label set is called {name!r}; there are {', '.join(NAMES)}")
    return labels.read(_FOLDER / f"{name}.txt")


def find(name_or_file: str) -> list[str]:
    """Return the labels of a benchmark or of a label file; raises as `find_file`."""
    return find_file(name_or_file).names


def find_file(name_or_file: str) -> LabelFile:
    """Return the labels of a benchmark or of a label file, with their ids.

    Raises:
        FileNotFoundError: it is neither the name of a label set nor a file.
        ValueError: the file holds no labels, or two that say the same, or is ambiguous.
    """
    if name_or_file in NAMES:
        return LabelFile(load(name_or_file))
    if not Path(name_or_file).is_file():
        raise FileNotFoundError(
            f"{name_or_file}: no such file; give a text file with one label a line,"
            f" or one of {', '.join(NAMES)}"
        )
    found = label_files.read(Path(name_or_file))
    return replace(found, names=labels.check(found.names, name_or_file))
