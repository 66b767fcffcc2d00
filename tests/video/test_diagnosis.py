"""What is no video, and the one true reason."""

import gzip
import io
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import av
import pytest
from PIL import Image

from actionclip.video import decode
from actionclip.video.decoder import Decoder


def _zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.txt", "text")
    return content.getvalue()


def _tar() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"\n <!DOCTYPE html><html><body>404</body></html>", "a web page"),
        (b'{"error": "not found"}', "the answer of a server"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "answer of a server"),
        (b"Dear diary\n" * 100, "a text file, not a video"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"></svg>', "a text file, not a video"),
        (b"{\\rtf1\\ansi text}", "an RTF document"),
        (b"RIFF\x10\0\0\0AVI LIST", "AVI that is cut or damaged"),
        (b"RIFF\x10\0\0\0WAVEjunk" + bytes(range(99)), "not a video that can be read"),
        (_zip(), "a ZIP archive"),
        (_tar(), "a tar archive"),
        (gzip.compress(b"text", mtime=0), "a gzip archive"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
        (bytes(100_000), "zeros, not a video"),
        (b"1\n00:00:00,000 --> 00:00:02,000\nHello\n\n", "no pictures, only subtitles"),
        (b"\x1a\x45\xdf\xa3\x01", "Matroska or WebM that is cut"),
        (b"#EXTM3U\n#EXTINF:1,\na.ts\n", "a playlist"),
    ],
)
def test_what_is_no_video_is_called_what_it_is(tmp_path, content, reason):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        decode.probe(path)


def boxes(path: Path) -> dict[bytes, tuple[int, int]]:
    """Where the outer boxes of an MP4 file begin and end; of several of a kind the first."""
    content, position, found = path.read_bytes(), 0, {}
    while position < len(content):
        size = int.from_bytes(content[position : position + 4])
        found.setdefault(content[position + 4 : position + 8], (position, position + size))
        position += size
    return found


def test_a_cut_mp4_is_cut_wherever_the_cut_is(tmp_path, ordinary):
    content, places = ordinary.read_bytes(), boxes(ordinary)
    for end in (places[b"moov"][0], sum(places[b"moov"]) // 2, places[b"mdat"][0] + 8):
        path = tmp_path / f"{end}.mp4"
        path.write_bytes(content[:end])
        with pytest.raises(ValueError, match="the file is cut"):
            decode.probe(path)


def test_a_fragmented_file_that_is_cut_in_its_beginning_is_called_cut(tmp_path, write, noisy):
    path = write(tmp_path / "whole.mp4", noisy(num_frames=5))
    whole = tmp_path / "fragmented.mp4"
    options = {"movflags": "frag_keyframe+empty_moov"}
    with av.open(str(path)) as old, av.open(str(whole), "w", options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[:400])
    with pytest.raises(ValueError, match="the file is cut"):
        decode.probe(cut)


def test_segments_of_a_stream_are_told_apart_from_cut_files(tmp_path, write, noisy):
    whole = tmp_path / "whole.mp4"
    source = write(tmp_path / "source.mp4", noisy(20))
    options = {"movflags": "frag_keyframe+empty_moov"}
    with av.open(str(source)) as old, av.open(str(whole), "w", options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    content, start = whole.read_bytes(), boxes(whole)[b"moof"][0]
    first, second = tmp_path / "first.mp4", tmp_path / "second.mp4"
    first.write_bytes(content[:start])
    second.write_bytes(content[start:])
    with pytest.raises(ValueError, match="describes pictures and holds none"):
        decode.probe(first)
    with pytest.raises(ValueError, match="a segment of a stream without its beginning"):
        decode.probe(second)
    first.write_bytes(first.read_bytes() + second.read_bytes())  # as the message says
    assert decode.probe(first).num_frames == 20


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs the program ffmpeg to encrypt")
def test_an_encrypted_file_is_called_encrypted(tmp_path, ordinary):
    path = tmp_path / "encrypted.mp4"
    key = ["-encryption_scheme", "cenc-aes-ctr", "-encryption_key", 32 * "1"]
    command = ["ffmpeg", "-v", "error", "-i", ordinary, "-c", "copy", *key, "-encryption_kid"]
    subprocess.run([*command, 32 * "2", path], check=True)
    with pytest.raises(ValueError, match="the pictures are encrypted"):
        decode.probe(path)


def test_an_animated_webp_is_called_so(tmp_path):
    path = tmp_path / "a.webp"
    first, *others = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue", "green")]
    first.save(path, save_all=True, append_images=others)
    with pytest.raises(ValueError, match="an animated WebP"):
        decode.probe(path)
    with Decoder() as decoder, pytest.raises(ValueError, match="an animated WebP"):
        decoder.probe(path)


def test_a_name_that_is_too_long_is_called_so(tmp_path):
    with pytest.raises(ValueError, match="the name is too long"):
        decode.probe(tmp_path / f"{300 * 'x'}.mp4")
