"""Which files are videos, by the endings of their names; nothing is opened.

Files of a folder that are left out give one warning, unless they are plainly something else: text,
a table, a picture, sound, weights.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

logger = logging.getLogger(__name__)

_VIDEOS = (
    ".264 .265 .3g2 .3gp .amv .apng .asf .avc .avi .dav .dif .divx .dv .evo .f4v .flv .gif .h264"
    " .h265 .hevc .ivf .m1v .m2p .m2t .m2ts .m2v .m4v .mjpeg .mjpg .mk3d .mkv .mod .mov .mp4 .mp4v"
    " .mpe .mpeg .mpg .mpv .mts .mxf .nsv .nut .obu .ogm .ogv .ogx .qt .rm .rmvb .tod .trp .ts .vob"
    " .vro .webm .wmv .wtv .xvid .y4m"
)
_PLAINLY_OTHERS = (
    # text, tables and settings
    ".bib .cfg .conf .csv .doc .docx .htm .html .ini .json .jsonl .lock .log .md .nfo .pdf .ppt"
    " .pptx .rst .rtf .toml .tsv .txt .url .xls .xlsx .xml .yaml .yml"
    # pictures
    " .bmp .heic .heif .ico .jpeg .jpg .jxl .pgm .png .ppm .psd .svg .tga .tif .tiff"
    # sound and subtitles
    " .aac .ac3 .aif .aiff .ass .flac .m4a .mid .mka .mp2 .mp3 .oga .ogg .opus .srt .ssa .sub .idx"
    " .vtt .wav .wma"
    # numbers, code, archives, checksums
    " .bin .c .ckpt .cpp .db .gz .h .h5 .hdf5 .ipynb .js .m .mat .md5 .npy .npz .onnx .parquet .pkl"
    " .pt .pth .py .rar .safetensors .sh .sha1 .sha256 .sqlite .tar .tgz .torrent .xz .zip .zst .7z"
    " .bz2"
)
SUFFIXES = frozenset(_VIDEOS.split())
_OTHERS = frozenset(_PLAINLY_OTHERS.split())
_NUM_NAMED = 3


def is_named_like_a_video(path: Path) -> bool:
    """Return whether a name ends like a video, such as .mp4 or .avi."""
    return path.suffix.lower() in SUFFIXES


def find(path: Path) -> list[Path]:
    """Return the videos of a folder and its subfolders, sorted by path; a file is itself.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: the folder holds no video.
    """
    if not path.is_dir():
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such file or folder; check the path")
        return [path]
    paths = sorted(file for file in path.rglob("*") if file.is_file())
    videos = [file for file in paths if is_named_like_a_video(file)]
    if not videos:
        endings = " ".join(sorted(SUFFIXES))
        raise ValueError(f"{path}: the folder holds no video (no file that ends in {endings})")
    warn_of_others(path, paths)
    return videos


def warn_of_others(folder: Path, paths: Sequence[Path]) -> None:
    """Name the files of a folder that are left out and could be videos, in one warning."""
    others = [path for path in paths if not is_named_like_a_video(path) and _may_be_video(path)]
    if not others:
        return
    logger.warning(
        "%s: %d %s left out, not named like videos: %s%s; rename those that are videos",
        folder,
        len(others),
        "file is" if len(others) == 1 else "files are",
        ", ".join(str(path.relative_to(folder)) for path in others[:_NUM_NAMED]),
        ", …" if len(others) > _NUM_NAMED else "",
    )


def _may_be_video(path: Path) -> bool:
    is_hidden = path.name.startswith((".", "__"))
    is_notice = not path.suffix and path.name.upper() == path.name  # README, LICENSE
    return not (is_hidden or is_notice or path.suffix.lower() in _OTHERS)
