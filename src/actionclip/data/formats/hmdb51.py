"""HMDB51 as it is published becomes examples: lists such as `brush_hair_test_split1.txt`.

There is one list for each action and fold. A line is a video and a number: 1 for train, 2 for test,
0 for neither.
"""

from __future__ import annotations

import re
from pathlib import Path

from actionclip.data import paths
from actionclip.data.annotations import Annotations, Example, Split
from actionclip.data.problems import Problems
from actionclip.text.text_files import read_text

LIST = re.compile(r"(?P<name>.+)_test_split(?P<fold>[123])\.txt")

_SPLITS: dict[str, Split | None] = {"0": None, "1": "train", "2": "test"}


def read(list_file: Path, videos: Path, problems: Problems) -> Annotations:
    """Read the lists of all actions of a fold; the labels are in the order of the actions' names.

    Args:
        list_file: any list of the fold.
        videos: the folder that holds the videos, in folders or not.
        problems: gets what is wrong.
    """
    match = LIST.fullmatch(list_file.name)
    assert match, list_file
    suffix = f"_test_split{match['fold']}.txt"
    lists = {file.name.removesuffix(suffix): file for file in list_file.parent.glob(f"*{suffix}")}
    by_stem = paths.videos_by_stem(videos)
    examples = []
    for name in sorted(lists):
        for number, line in enumerate(read_text(lists[name]).splitlines(), start=1):
            if not line.strip():
                continue
            source = f"{lists[name]}:{number}"
            file, _, mark = line.strip().rpartition(" ")
            video = paths.the_one(by_stem.get(Path(file.strip()).stem, ()), name)
            if mark not in _SPLITS:
                problems.add(source, f"{mark!r} is none of 0, 1 (train) and 2 (test); correct it")
            elif split := _SPLITS[mark]:
                if video is None:
                    problems.add(source, f"there is no video {file!r} below {videos}; add it")
                else:
                    examples.append(Example(video, (name,), split, source))
    all_lists = list_file.parent.glob("*_test_split[123].txt")
    folds = len({found["fold"] for file in all_lists if (found := LIST.fullmatch(file.name))})
    return Annotations(
        tuple(examples),
        tuple(sorted(lists)),
        layout=f"HMDB51 lists in {list_file.parent}, fold {match['fold']} of {folds}",
    )
