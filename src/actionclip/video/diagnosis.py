"""Why a file cannot be decoded as a video: one true sentence, and what to do about it.

Called only where reading failed. The first bytes show what a file is, and in MP4 its boxes.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from pathlib import Path

from av.container import InputContainer

ANIMATED_WEBP = "an animated WebP, which cannot be decoded here; convert it to GIF or MP4"
ENCRYPTED = "the pictures are encrypted (copy protection); give a video without it"

_CUT = "the file is cut or was never finished (its index is missing); copy or record it again"
_CUT_EARLY = "the file is cut before its first picture; copy or download it again"
_NO_VIDEO = "give a video (mp4, avi, mkv, webm, …)"
_PLAYLIST = "this is a playlist; give the video file that it names"
_BEGINNINGS: dict[bytes | tuple[bytes, ...], str] = {
    (b"#EXTM3U", b"ffconcat version"): _PLAYLIST,
    b"version https://git-lfs": "a Git LFS pointer, not a video; fetch it with `git lfs pull`",
    (b"PK\x03\x04", b"PK\x05\x06"): "a ZIP archive, not a video; unpack it",
    b"\x1f\x8b": "a gzip archive, not a video; unpack it",
    b"BZh": "a bzip2 archive, not a video; unpack it",
    b"\xfd7zXZ\x00": "an xz archive, not a video; unpack it",
    b"\x28\xb5\x2f\xfd": "a zstd archive, not a video; unpack it",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive, not a video; unpack it",
    b"Rar!\x1a\x07": "a RAR archive, not a video; unpack it",
    b"%PDF-": f"a PDF document, not a video; {_NO_VIDEO}",
    b"{\\rtf": f"an RTF document, not a video; {_NO_VIDEO}",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": f"an Office document, not a video; {_NO_VIDEO}",
    b"PAR1": f"a Parquet table, not a video; {_NO_VIDEO}",
    (b"\x7fELF", b"MZ"): f"a program, not a video; {_NO_VIDEO}",
    b"SQLite format 3\x00": f"a database, not a video; {_NO_VIDEO}",
    b"\x93NUMPY": f"a NumPy array, not a video; {_NO_VIDEO}",
    b"\x89HDF\r\n": f"an HDF5 file, not a video; {_NO_VIDEO}",
}
_XML_PLAYLIST = re.compile(rb"<MPD|CompositionPlaylist")
_HTML = re.compile(rb"<!doctype html|<html|<head|<body", re.IGNORECASE)
_CONTAINERS: dict[bytes, str] = {
    b"\x1a\x45\xdf\xa3": "Matroska or WebM",
    b"AVI ": "AVI",
    b"WEBP": "WebP",
    b"FLV\x01": "Flash video",
    b"OggS": "Ogg",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "Windows Media",
    b"\x00\x00\x01\xba": "MPEG program stream",
}
_PROTECTED = re.compile(
    rb"stsd.{12}(?:encv|drmi)"  # MP4: common encryption, FairPlay
    rb"|\x6d\x80.{1,64}\x50\x35"  # Matroska: content encodings, one of them encryption
    rb"|\xfb\xb3\x11\x22\x23\xbd\xd2\x11\xb4\xb7\x00\xa0\xc9\x55\xfc\x6e"  # Windows Media
    rb"|\x14\xe6\x8a\x29\x22\x26\x17\x4c\xb9\x35\xda\xe0\x7e\xe9\x28\x9c",
    re.DOTALL,
)
_SAMPLE_BYTES = 2**20
_TS_PACKET = 188


def why_not_found(error: OSError) -> str:
    """Return why the system cannot even tell what is at a path."""
    if isinstance(error, PermissionError):
        return "permission to read the file is denied; change its permissions"
    if error.errno == errno.ENAMETOOLONG:
        return "the name is too long for this system; give the file a shorter one"
    return f"the system cannot read it ({(error.strerror or str(error)).lower()}); check the disk"


def why_not_opened(path: Path, error: Exception) -> str:
    """Return why an existing file does not open as a video."""
    if isinstance(error, PermissionError):
        return why_not_found(error)
    try:
        content = _beginning(path)
    except OSError as unreadable:
        return why_not_found(unreadable)
    if other := _not_a_video(content):
        return other
    return ENCRYPTED if _PROTECTED.search(content) else _incomplete(path, content)


def why_no_pictures(name: str | Path, container: InputContainer) -> str:
    """Return what an open file holds instead of pictures."""
    kinds = {stream.type for stream in container.streams}
    is_cut = Path(name).is_file() and not all(dict(_boxes(Path(name))).values())
    if is_cut and not kinds & {"video", "audio", "subtitle"}:
        return _CUT
    what = ""
    if container.streams.video:
        what = " but a cover, only sound"
    elif "audio" in kinds:
        what = ", only sound"
    elif "subtitle" in kinds:
        what = ", only subtitles"
    return f"the file has no pictures{what}; {_NO_VIDEO}"


def why_no_codec(name: str | Path) -> str:
    """Return why the codec of an open file or connection is unknown."""
    if Path(name).is_file():
        if other := _not_a_video(_beginning(Path(name))):
            return other
        if not all(dict(_boxes(Path(name))).values()):
            return _CUT_EARLY
    return "the codec is not known here; convert the video to H.264"


def why_no_size(name: str | Path, most_pixels: int) -> str:
    """Return why the size of the pictures of an open file or connection is unknown."""
    if Path(name).is_file() and _is_animated_webp(_beginning(Path(name))):
        return ANIMATED_WEBP
    return (
        "no picture can be decoded (the file is cut or damaged), or the pictures are over the "
        f"limit of {most_pixels} pixels; copy or record the video again, or scale it"
    )


def why_no_frame(path: Path) -> str:
    """Return why the pictures of a file that opens cannot be decoded."""
    content = _beginning(path)
    boxes = dict(_boxes(path))
    if _PROTECTED.search(content) or _is_scrambled(content):
        return ENCRYPTED
    if _is_animated_webp(content):
        return ANIMATED_WEBP
    if b"moov" in boxes and not boxes.keys() & {b"moof", b"mdat"}:
        return (
            "it describes pictures and holds none (the first segment of a stream?); "
            "join it with the others, `cat init.mp4 *.m4s > video.mp4`"
        )
    if boxes and not boxes[[*boxes][-1]]:
        return _CUT_EARLY
    return "no frame can be decoded; copy or record the video again"


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_SAMPLE_BYTES)


def _not_a_video(content: bytes) -> str | None:
    """Return what else a file is, if it is no video."""
    for beginning, words in _BEGINNINGS.items():
        if content.lstrip(b"\xef\xbb\xbf").startswith(beginning):
            return words
    head = content[:4096]
    if _XML_PLAYLIST.search(head[:512]):
        return _PLAYLIST
    if content[257:262] == b"ustar":
        return "a tar archive, not a video; unpack it"
    if not content.strip(b"\x00"):
        return "zeros, not a video (an unfinished download?); copy or download it again"
    num_printable = sum(byte >= 32 or byte in b"\t\n\r\f" for byte in head)
    if b"\x00" in head or num_printable <= 0.99 * len(head):
        return None
    if _HTML.search(head):
        return "a web page, not a video (a failed download?); download the video again"
    if head.lstrip().startswith((b"<?xml", b"{", b"[")):
        return "the answer of a server (XML or JSON), not a video; download the video again"
    return f"a text file, not a video; {_NO_VIDEO}"


def _is_animated_webp(content: bytes) -> bool:
    return content[8:16] == b"WEBPVP8X" and bool(content[20] & 2)


def _is_scrambled(content: bytes) -> bool:
    """Return whether packets of a transport stream are marked as scrambled."""
    starts = range(0, len(content) - 4, _TS_PACKET)
    if any(content[start] != 0x47 for start in starts[:16]):
        return False
    return any(content[start + 3] & 0xC0 for start in starts)


def _incomplete(path: Path, content: bytes) -> str:
    """Return what is missing of a container."""
    boxes = dict(_boxes(path))
    if b"moof" in boxes and b"moov" not in boxes:
        return (
            "a segment of a stream without its beginning; join it with the first one, "
            "`cat init.mp4 *.m4s > video.mp4`"
        )
    if boxes:
        return _CUT
    kind = content[8:] if content.startswith(b"RIFF") else content
    for beginning, name in _CONTAINERS.items():
        if kind.startswith(beginning):
            return f"{name} that is cut or damaged at its beginning; copy or record it again"
    return f"not a video that can be read; {_NO_VIDEO}"


def _boxes(path: Path) -> Iterator[tuple[bytes, bool]]:
    """Yield the outer boxes of an MP4 file, and whether each is whole; none of another file."""
    num_bytes = path.stat().st_size
    with path.open("rb") as file:
        position = 0
        while position + 8 <= num_bytes:
            file.seek(position)
            header = file.read(16)
            size, kind = int.from_bytes(header[:4]), header[4:8]
            if size == 1:
                size = int.from_bytes(header[8:16])
            if position == 0 and kind not in (b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"wide"):
                return
            if size < 8:  # 0: until the end of the file
                size = num_bytes - position
            yield kind, position + size <= num_bytes
            position += size
