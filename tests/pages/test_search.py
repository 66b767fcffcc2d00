"""The page of a search, as a file and in a browser."""

import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from actionclip.archive.hits import Hit
from actionclip.pages import search as page
from actionclip.video.decoder import Decoder

HOSTILE = """</script><script>alert("1")</script> ' & {{ 7 * 7 }}"""


class Elements(HTMLParser):
    """Lists the elements of a page with their attributes, and all text that is shown."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.shown = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.shown += data

    def of(self, tag):
        return [attributes for each, attributes in self.found if each == tag]


def render(query: str, hits: list[Hit], folder: Path) -> str:
    with Decoder() as decoder:
        return page.render(query, hits, folder / "page.html", "archive", decoder=decoder)


@pytest.fixture
def hit(moving_square, tmp_path) -> Hit:
    video = tmp_path / "videos" / "50% of #1.mp4"
    video.parent.mkdir()
    video.write_bytes(moving_square.read_bytes())
    return Hit(video, 0.5, 1.5, 0.75, "0123abcd", (tmp_path / "copy.mp4",))


def test_a_hit_has_a_picture_its_times_and_a_link_that_begins_there(hit, tmp_path):
    elements = Elements(render("a square", [hit], tmp_path))
    [picture] = elements.of("img")
    assert (picture["src"] or "").startswith("data:image/jpeg;base64,")
    [link] = elements.of("a")
    assert link["href"] == "videos/50%25%20of%20%231.mp4#t=0.5,1.5"
    for text in ("0:00.5 – 0:01.5", "0.75", "50% of #1.mp4", "1 more file", "copy.mp4"):
        assert text in elements.shown
    assert "--like archive:0123abcd@0.5-1.5" in elements.shown
    assert "width:75.0%" in {each.get("style") for each in elements.of("div")}


def test_words_and_names_of_any_kind_are_shown_as_they_are_and_do_nothing(tmp_path):
    absent = Hit(tmp_path / HOSTILE.replace("/", "|"), 0.0, 1.0, 0.5, "0123")
    elements = Elements(render(HOSTILE, [absent], tmp_path))
    assert len(elements.of("script")) == 1
    assert HOSTILE in elements.shown
    assert absent.video.name in elements.shown
    assert "not where it was indexed" in elements.shown


def test_a_page_of_nothing_says_so(tmp_path):
    elements = Elements(render("knitting", [], tmp_path))
    assert "0 hits" in elements.shown
    assert "Nothing in this archive shows it" in elements.shown


def test_nothing_is_loaded_from_elsewhere(hit, tmp_path):
    for tag, attributes in Elements(render("a square", [hit], tmp_path)).found:
        assert tag not in ("link", "iframe", "video")
        assert not (attributes.get("src") or "data:").startswith(("http", "//"))


@pytest.mark.slow
def test_a_click_plays_the_hit_from_its_start(hit, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("needs chromium: apt-get install chromium")
    absent = Hit(tmp_path / "absent.mp4", 0.0, 1.0, 0.5, "0123")
    file = tmp_path / "page.html"
    file.write_text(render("a square", [hit, absent], tmp_path), "utf-8")
    with playwright.sync_playwright() as drivers:
        options = ["--no-sandbox", "--disable-gpu"]
        browser = drivers.chromium.launch(executable_path=chromium, args=options)
        shown = browser.new_page(viewport={"width": 400, "height": 800})
        shown.goto(file.as_uri())
        assert shown.evaluate("document.documentElement.scrollWidth") == 400
        shown.locator("a.stage").first.click()
        shown.wait_for_function("document.querySelector('video').currentTime > 0.5")
        shown.locator("a.stage").first.click()
        shown.wait_for_selector("text=The video is not here")
        browser.close()
