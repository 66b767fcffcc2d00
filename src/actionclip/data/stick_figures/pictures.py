"""A seed becomes pictures of figures, with captions that say what a picture can show.

    DIR/captions.csv           path,caption,split: several captions of each picture
    DIR/annotations.csv        path,label,split,group: the pose in words
    DIR/pictures/000003.png

A caption tells the pose of the moment, clothes, view, wall and chair, each only if it is drawn.
What only time tells (a direction, a repetition, what comes next) is in no caption. A picture is
drawn from (seed, its number) alone: it stays the same however many are made, by any number of
processes.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy.random import Generator
from PIL import Image

from actionclip import atomic_write
from actionclip.data.stick_figures import dataset, figure, film, motions
from actionclip.data.stick_figures.figure import Colour

SPLITS = ("train", "test", "val", *["train"] * 7)
"""Of the pictures, over and over."""
CAPTIONS_PER_PICTURE = 4
_STREAM = 1_000_003
"""Separates the random numbers of pictures from those of clips, whose keys begin with an action."""

_ARM_UP = motions.pose(upper_arms=((0, 120), (0, 10)), forearms=((8, 175), (8, 8)))
_ARMS_UP = motions.pose(upper_arms=(0, 150), forearms=(0, 172))
_ARMS_OUT = motions.pose(upper_arms=(0, 90), forearms=(0, 90))
_POSES: dict[str, tuple[motions.Pose, tuple[float, float], tuple[str, ...]]] = {
    "standing upright": (motions.STANDING, (0, 180), ("standing", "standing with arms down")),
    "raising one arm": (_ARM_UP, (0, 40), ("with one arm up", "with one hand above the head")),
    "raising both arms": (_ARMS_UP, (0, 40), ("with both arms up", "with both hands up")),
    "holding both arms out": (_ARMS_OUT, (0, 35), ("with arms spread", "with arms out sideways")),
    "stretching both arms forward": (
        *(motions.FISTS_OUT, (45, 100)),
        ("with arms stretched forward", "reaching forward with both arms"),
    ),
    "standing with legs apart and arms up": (
        *(motions.STAR, (0, 35)),
        ("in the shape of a star", "with arms and legs spread"),
    ),
    "sitting": (motions.SEATED, (35, 80), ("seated on a chair", "sitting on a chair")),
    "squatting": (motions.SQUATTING, (30, 85), ("crouching", "squatting low")),
    "bending forward": (motions.BENT, (45, 90), ("bent over", "reaching for the floor")),
    "kicking with one leg": (motions.LEG_OUT, (50, 90), ("with one leg out", "kicking high")),
    "holding the fists up": (motions.ON_GUARD, (40, 90), ("with raised fists", "ready to box")),
    "lying on the back": (motions.ON_BACK, (50, 90), ("lying face up", "lying flat, face up")),
    "lying on the front": (motions.ON_FRONT, (50, 90), ("lying face down", "flat on the belly")),
    "kneeling": (motions.ON_KNEES, (45, 90), ("on both knees", "kneeling upright")),
    "being on hands and knees": (
        motions.ON_HANDS,
        (50, 90),
        ("on all fours", "on hands and knees"),
    ),
}
"""A pose by its label, the degrees that it may be turned to either side, and other words for it."""
LABELS = tuple(_POSES)

_HUES = {"red": 0.0, "orange": 0.085, "yellow": 0.15, "green": 0.35, "blue": 0.6, "purple": 0.77}
_TEMPLATES = (
    "{words}",
    "a person {words}",
    "a drawing of a figure {words}",
    "someone in {a_shirt}, {words}",
    "a figure {words}, {view}",
    "a person in {trousers} trousers and {a_shirt}, {words}",
    "{words} in front of a {wall} wall",
    "a person {words}, {view}, {beside}",
    "{a_shirt} and {trousers} trousers",
    "a figure in {a_shirt} before a {wall} wall, {view}, {words}; {beside}",
)


@dataclass(frozen=True)
class Picture:
    """A picture and what is said of it."""

    pixels: UInt8[np.ndarray, "H W 3"]
    label: str
    """The pose: one of `LABELS`."""
    captions: tuple[str, ...]


def draw(index: int, seed: int) -> Picture:
    """Draw the picture of a number; equal arguments give equal pictures.

    Args:
        index: 0 or more.
        seed: 0 or more.
    """
    key = (_STREAM, index)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    label = LABELS[rng.integers(len(LABELS))]
    pose, turns, others = _POSES[label]
    mirrored = rng.uniform() < 0.5
    motion = motions.with_bearing(lambda _: pose, rng)
    turn = float(rng.choice([-1, 1]) * rng.uniform(*turns))
    moment = replace(motion(rng.uniform()), turn=turn)
    if mirrored:
        moment = replace(moment, angles=moment.angles[:, ::-1])
    body = figure.grow(rng)
    joints = figure.stand(body, moment)
    has_chair = label == "sitting" or (label == "standing upright" and rng.uniform() < 0.3)
    chair = figure.chair(body, turn) if has_chair else []
    camera = film.aim(rng, np.concatenate([joints.points(), *chair]))

    palette = film.choose_colours(rng)
    is_dark = sum(palette.wall) < 3 * 128
    shirt, trousers = (str(name) for name in rng.choice(list(_HUES), 2))
    palette = replace(
        palette, shirt=(cloth := _dye(shirt, rng)), trousers=_dye(trousers, rng), sleeves=cloth
    )
    horizon = round(camera.origin[1] - rng.uniform(0.08, 0.3) * camera.scale)
    room = film.paint_room(rng, palette, *figure.STAGE, horizon)
    pixels = figure.draw_frame(room, camera, palette, body, joints, chair, (0.0, 0.0))
    facts = {
        "a_shirt": f"an {shirt} shirt" if shirt[0] in "aeiou" else f"a {shirt} shirt",
        "trousers": trousers,
        "wall": "dark" if is_dark else "light",
        "view": _view(turn),
        "beside": "with a chair" if has_chair else "without a chair",
    }
    return Picture(pixels, label, _describe(rng, (label, *others), facts))


def make(
    folder: Path,
    num_pictures: int = 2000,
    seed: int = 0,
    num_workers: int | None = None,
    on_picture: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write pictures and captions, all of it or nothing; return the number of pictures.

    Args:
        folder: is made; may exist when empty.
        num_pictures: 3 or more, so that every split has one.
        seed: another one gives other pictures.
        num_workers: processes; by default as many as there are processors.
        on_picture: called after every picture with how many are done, and of how many.

    Raises:
        ValueError: the folder holds something, or a number makes no sense.
    """
    dataset.check_new(folder, seed)
    if num_pictures < 3:
        raise ValueError(f"the number of pictures is {num_pictures}: needs 3 or more")
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write.replacing(folder, durable=False) as unfinished:
        (unfinished / "pictures").mkdir(parents=True)
        captions, annotations = [], []
        write = partial(_write_picture, seed=seed, folder=unfinished)
        with closing(dataset.in_processes(write, range(num_pictures), num_workers)) as written:
            for index, (label, of_picture) in enumerate(written):
                path, split = _path(index), SPLITS[index % len(SPLITS)]
                captions += [(path, caption, split) for caption in of_picture]
                annotations.append((path, label, split, path))
                on_picture(index + 1, num_pictures)
        _write_table(unfinished / "captions.csv", ("path", "caption", "split"), captions)
        header = ("path", "label", "split", "group")
        _write_table(unfinished / "annotations.csv", header, annotations)
    return num_pictures


def _describe(rng: Generator, words: tuple[str, ...], facts: dict[str, str]) -> tuple[str, ...]:
    """Say it in several templates, each with its own words for the pose."""
    chosen = rng.choice(len(_TEMPLATES), CAPTIONS_PER_PICTURE, replace=False)
    return tuple(
        _TEMPLATES[number].format(words=words[rng.integers(len(words))], **facts)
        for number in chosen
    )


def _view(turn: float) -> str:
    """Say from where a figure is seen that is turned to its left by so many degrees."""
    away = abs(turn)
    if away < 30:
        return "seen from the front"
    if away > 150:
        return "seen from behind"
    return "facing right" if turn > 0 else "facing left"


def _dye(name: str, rng: Generator) -> Colour:
    """Draw a colour that everybody calls by this name."""
    return film.colour(rng, (0.8, 0.95), (0.85, 1.0), hue=_HUES[name] + rng.uniform(-0.015, 0.015))


def _write_picture(index: int, seed: int, folder: Path) -> tuple[str, tuple[str, ...]]:
    picture = draw(index, seed)
    Image.fromarray(picture.pixels).save(folder / _path(index), compress_level=1)
    return picture.label, picture.captions


def _path(index: int) -> str:
    return f"pictures/{index:06}.png"


def _write_table(path: Path, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
