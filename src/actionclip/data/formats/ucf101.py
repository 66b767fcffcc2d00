"""UCF101 as it is published becomes examples: `classInd.txt`, `trainlist01.txt`, `testlist01.txt`.

There are three folds; the list that is named chooses one. The clips of a group (`g01`) were cut
from one recording, and the official folds keep them together.
"""

from __future__ import annotations

import re
from pathlib import Path

from actionclip.data import paths
from actionclip.data.annotations import Annotations, Example, Split
from actionclip.data.problems import Problems
from actionclip.text.text_files import read_text

CLASSES = "classInd.txt"
LIST = re.compile(r"(train|test)list(?P<fold>0[123])\.txt")

_GROUP = re.compile(r"v_\w+_(?P<group>g\d+)_c\d+")


def read(list_file: Path, videos: Path, problems: Problems) -> Annotations:
    """Read both lists of a fold; the labels are in the order of the class file.

    Args:
        list_file: one of the fold's two lists, beside the class file.
        videos: the folder that holds the videos, in folders or not.
        problems: gets what is wrong.
    """
    match = LIST.fullmatch(list_file.name)
    assert match, list_file
    classes = read_text(list_file.with_name(CLASSES)).split()[1::2]  # "1 ApplyEyeMakeup"
    by_stem = paths.videos_by_stem(videos)
    examples = []
    splits: tuple[Split, ...] = ("train", "test")
    for split in splits:
        path = list_file.with_name(f"{split}list{match['fold']}.txt")
        for number, line in enumerate(read_text(path).splitlines(), start=1):
            if not line.strip():
                continue
            source = f"{path}:{number}"
            name, _, file = line.split()[0].partition("/")  # "Archery/v_Archery_g01_c01.avi 3"
            stem = Path(file).stem
            video = paths.the_one(by_stem.get(stem, ()), name)
            if name not in classes:
                problems.add(source, f"the label {name!r} is not in {CLASSES}; add it there")
            elif video is None:
                problems.add(source, f"there is no video {file!r} below {videos}; add it")
            else:
                recording = _GROUP.fullmatch(stem)
                group = f"{name} {recording['group']}" if recording else None
                examples.append(Example(video, (name,), split, source, group=group))
    folds = len(list(list_file.parent.glob("trainlist0[123].txt")))
    layout = f"UCF101 lists in {list_file.parent}, fold {int(match['fold'])} of {folds}"
    return Annotations(tuple(examples), tuple(classes), layout=layout)
