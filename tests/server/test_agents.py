"""`actionclip serve --mcp`, asked by the library's own client over standard input and output."""

import asyncio
import base64
import json
import os
import sys

import pytest

mcp = pytest.importorskip("mcp", reason="needs MCP: pip install 'actionclip[mcp]'")

LABELS = ["moving left", "moving right"]


@pytest.fixture(scope="module")
def parameters(archive, tiny_clip, tmp_path_factory):
    """How to start a server of the archive, which a model of plain weights answers."""
    from actionclip import Recognizer
    from actionclip.archive.archive import Archive

    folder = tmp_path_factory.mktemp("mcp")
    plain = Archive.open(folder / "archive", Recognizer.load(tiny_clip, device="cpu"))
    plain.index([file.path for file in archive.tables.files()])
    arguments = [
        "-c",
        "from actionclip.cli import main; main()",
        "serve",
        "--mcp",
        "--model",
        str(tiny_clip),
    ]
    return mcp.StdioServerParameters(
        command=sys.executable,
        args=[*arguments, "--archive", plain.tables.address, "--device", "cpu"],
        env={**os.environ, "XDG_CACHE_HOME": str(folder)},
    )


def test_an_assistant_lists_recognizes_and_finds_over_stdio(parameters, archive, folder):
    async def talk():
        async with mcp.Client(parameters) as client:
            tools = (await client.list_tools()).tools
            names = {"list_videos", "search_moments", "recognize", "timeline", "index_status"}
            assert {tool.name for tool in tools} == names
            assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
            listed = (await client.call_tool("list_videos", {})).structured_content
            ids = {video["name"]: video["id"] for video in listed["videos"]}
            assert set(ids) == {"hall/one.mp4", "two.mp4"}
            question = {"video": ids["hall/one.mp4"], "labels": LABELS}
            answer = (await client.call_tool("recognize", question)).structured_content
            expected = archive.recognizer.recognize(folder / "hall" / "one.mp4", LABELS)
            got = {each["label"]: each["score"] for each in answer["results"][0]["predictions"]}
            # another process: the last digit of a float may differ
            assert got == pytest.approx({each.label: each.score for each in expected}, abs=1e-5)
            moments = await client.call_tool("timeline", question)
            assert "moments" in moments.structured_content
            status = (await client.call_tool("index_status", {})).structured_content
            assert (status["videos"], status["failed"]) == (2, 1)
            for wrong in ("/etc/passwd", str(folder / "two.mp4")):
                refused = await client.call_tool("recognize", {**question, "video": wrong})
                assert refused.is_error
                assert "no video is called" in refused.content[0].text
            refused = await client.call_tool("search_moments", {"like": ["../x"]})
            assert refused.is_error
            assert "is no example" in refused.content[0].text

    asyncio.run(talk())


def test_hits_come_with_a_contact_sheet(start, archive):
    from actionclip.server import agents

    service = start(archive.recognizer, archive=archive).service

    async def talk():
        async with mcp.Client(agents.build(service)) as client:
            return await client.call_tool("search_moments", {"text": LABELS[0]})

    found = asyncio.run(talk())
    hits = json.loads(found.content[0].text)["hits"]
    expected = archive.search(LABELS[0], top=8)
    assert [hit["score"] for hit in hits] == [hit.score for hit in expected]
    assert found.content[1].mime_type == "image/jpeg"
    assert base64.b64decode(found.content[1].data).startswith(b"\xff\xd8")
