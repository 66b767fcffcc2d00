"""Published ActionCLIP checkpoints: their frames, their heads and where they come from.

None of them is fetched by the library: the official ones lie behind a web page, and those of
mmaction2 are pickles on a plain web server, whose hashes nobody published in full.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownCheckpoint:
    """One file, trained on Kinetics-400."""

    file_name: str | None
    """None where the source does not say it."""
    vision_tower: str
    num_frames: int
    temporal_head: str
    source: str


_OFFICIAL = "the links in github.com/sallymmx/ActionCLIP, README"
_MMACTION2 = "https://download.openmmlab.com/mmaction/v1.0/projects/actionclip"

KNOWN = (
    KnownCheckpoint(None, "ViT-B/32", 8, "transformer", _OFFICIAL),
    KnownCheckpoint(None, "ViT-B/16", 32, "transformer", _OFFICIAL),
    *(
        KnownCheckpoint(
            f"vit-b-{patch}-{num_frames}f.pth",
            f"ViT-B/{patch}",
            num_frames,
            "transformer",
            f"{_MMACTION2}/actionclip_vit-base-p{patch}-res224-clip-pre_1x1x{num_frames}_k400-rgb"
            f"/vit-b-{patch}-{num_frames}f.pth",
        )
        for patch, num_frames in ((32, 8), (16, 8), (16, 16), (16, 32))
    ),
    *(
        KnownCheckpoint(
            f"{run}_20230801-{digest}.pth",
            f"ViT-B/{patch}",
            8,
            "transformer",
            f"{_MMACTION2}/{run}/{run}_20230801-{digest}.pth",
        )
        for patch, run, digest in (
            (32, "actionclip_vit-base-p32-res224-clip-pre_g8xb16_1x1x8_k400-rgb", "8535b794"),
            (16, "actionclip_vit-base-p16-res224-clip-pre_g8xb16_1x1x8_k400-rgb", "b307a0cd"),
        )
    ),
)


def by_file_name(file_name: str) -> KnownCheckpoint | None:
    """Find a published file."""
    return next((checkpoint for checkpoint in KNOWN if checkpoint.file_name == file_name), None)


def how_to_get(file_name: str) -> str:
    """Return what to do where a file is not there."""
    checkpoint = by_file_name(file_name)
    if checkpoint is None:
        return "check the path"
    return (
        f"it is the {checkpoint.vision_tower} of {checkpoint.num_frames} frames, fetch it from "
        f"{checkpoint.source}"
    )
