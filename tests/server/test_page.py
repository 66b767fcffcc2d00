"""The page, in a browser: what it shows is what the library answers."""

import shutil

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="needs chromium: apt-get install chromium"),
]

LABELS = ["moving left", "moving right", "<img src=x onerror=document.title='taken'>"]
TOKEN = "a-token-of-more-than-thirty-two-characters"


@pytest.fixture(scope="module")
def server(start):
    """One of its own: the page leaves videos there."""
    return start()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as drivers:
        options = ["--no-sandbox", "--disable-gpu"]
        browser = drivers.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


def of_another_host(address):
    is_ours = address.startswith(("http://127.0.0.1:", "blob:", "data:"))
    return [] if is_ours else [address]


@pytest.fixture
def page(browser):
    page = browser.new_page()
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: faults.extend(of_another_host(request.url)))
    yield page
    page.close()
    assert faults == []


def test_the_page_answers_both_questions_as_the_library_does(server, page, moving_square):
    recognizer = server.service.recognizer
    page.goto(server.address)
    page.set_input_files("#file", moving_square)
    page.fill("#labels", "\n".join(LABELS) + "\n\n")
    page.click("button[value=recognize]")
    page.wait_for_selector("#answer:not([hidden])")
    shown = page.locator("#result tr").all()
    expected = recognizer.recognize(moving_square, LABELS)
    assert [row.locator("th").inner_text() for row in shown] == [one.label for one in expected]
    assert [row.locator("td").first.inner_text() for row in shown] == [
        f"{one.score:.3f}" for one in expected
    ]
    page.click("button[value=timeline]")
    page.wait_for_selector("#answer:has-text('When it happens')")
    moments = recognizer.timeline(moving_square, LABELS)
    assert page.locator(".moment").count() == len(moments)
    assert page.title() == "ActionCLIP"
    assert server.service.videos.all()[0].name == moving_square.name


def test_the_page_says_what_is_wrong_in_the_words_of_the_service(server, page, tmp_path):
    page.goto(server.address)
    page.click("button[value=recognize]")
    assert "Choose a video" in page.inner_text("#state")
    damaged = tmp_path / "notes.mp4"
    damaged.write_text("no video")
    page.set_input_files("#file", damaged)
    page.click("button[value=recognize]")
    page.wait_for_selector("#state:has-text('not a video')")
    assert page.is_enabled("button[value=recognize]")


def test_the_page_asks_for_the_token_once(start, page):
    server = start(token=TOKEN)
    page.goto(server.address)
    page.fill("#token", "something else")
    page.click("#session button")
    page.wait_for_selector("#state:has-text('the token is wrong')")
    page.fill("#token", TOKEN)
    page.click("#session button")
    page.wait_for_selector("#model:not(:empty)")
    assert page.is_hidden("#session")
    page.reload()
    page.wait_for_selector("#model:not(:empty)")
    assert page.is_hidden("#session")


@pytest.mark.parametrize("width", [1400, 400])
def test_nothing_of_the_page_is_beside_the_window(server, page, moving_square, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(server.address)
    page.set_input_files("#file", moving_square)
    page.fill("#labels", "\n".join(["a" * 200, *LABELS]))
    page.click("button[value=recognize]")
    page.wait_for_selector("#answer:not([hidden])")
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.fixture(scope="module")
def with_archive(start, archive):
    return start(archive.recognizer, archive=archive)


def hits_of(page):
    page.wait_for_selector("#find:enabled")
    return page.locator(".hit .name").all_inner_texts()


def test_a_search_shows_hits_that_play_and_find_more_like_them(with_archive, archive, page):
    faults = []
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.goto(with_archive.address)
    page.click("#tab_search")
    page.click("#find")
    page.wait_for_selector("#search_state:has-text('Say what to find')")
    page.fill("#query", LABELS[0])
    page.press("#query", "Enter")
    page.wait_for_selector(".hit")
    expected = archive.search(LABELS[0], top=12)
    assert [name.rpartition("/")[2] for name in hits_of(page)] == [
        hit.video.name for hit in expected
    ]
    assert f"{expected[0].score:.3f}" in page.locator(".hit").first.inner_text()
    page.locator(".hit .start").first.click()
    page.wait_for_selector(".hit video")
    assert "/stream#t=" in (page.get_attribute(".hit video", "src") or "")
    page.locator(".hit button.plain").first.click()
    page.wait_for_selector("#example:not([hidden])")
    assert len(hits_of(page)) == len(archive.search(like=expected[0].example, top=12))
    assert page.input_value("#query") == ""
    page.click("#no_example")
    assert page.is_hidden("#example")
    assert faults == []


def test_a_video_of_the_user_is_an_example(with_archive, archive, page, moving_square):
    page.goto(with_archive.address)
    page.click("#tab_search")
    page.click("summary")
    page.set_input_files("#example_file", moving_square)
    page.click("#find")
    page.wait_for_selector(".hit")
    assert len(hits_of(page)) == len(archive.search(like=moving_square, top=12))
    assert with_archive.uploads() == []


def test_the_archive_is_shown_and_tabs_are_reached_by_keys(with_archive, page):
    page.goto(with_archive.address)
    page.focus("#tab_try")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#indexed tr")
    assert page.locator("#indexed th").all_inner_texts() == ["hall/one.mp4", "two.mp4"]
    assert "broken.mp4" in page.inner_text("#failures")
    assert page.get_attribute("#tab_archive", "aria-selected") == "true"
    assert page.evaluate("document.activeElement.id") == "tab_archive"
    page.keyboard.press("ArrowRight")
    assert page.is_visible("#panel_try")


def test_without_an_archive_there_are_no_tabs(server, page):
    page.goto(server.address)
    page.wait_for_selector("#model:not(:empty)")
    assert page.is_hidden("#tabs")


@pytest.mark.parametrize("width", [1400, 400])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_search_and_archive_fit_the_window(with_archive, page, tmp_path, width, colours):
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=colours)
    page.goto(with_archive.address)
    page.click("#tab_search")
    page.click("summary")
    page.fill("#query", LABELS[0])
    page.click("#find")
    page.wait_for_selector(".hit")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=tmp_path / "search.png")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.click("#tab_archive")
    page.wait_for_selector("#indexed tr")
    page.screenshot(path=tmp_path / "archive.png")
    assert page.evaluate("document.documentElement.scrollWidth") == width
