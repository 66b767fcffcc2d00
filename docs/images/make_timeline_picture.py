"""The moving picture of README: the page of a timeline while its video plays.

Needs the demo clip (`make bikes.mp4`) and Chromium; writes timeline.webp beside this script.

    python docs/images/make_timeline_picture.py
"""

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
LABELS = ("driving a taxi", "riding a bicycle")
WIDTH, HEIGHT = 900, 640
SHOWN_WIDTH = 720
FRAMES_PER_SECOND = 4


def make_page(folder: Path) -> Path:
    """Write the page of the demo clip's timeline."""
    shutil.copy(ROOT / "bikes.mp4", folder)
    command = [sys.executable, "-m", "actionclip.cli", "timeline", "bikes.mp4", *LABELS]
    subprocess.run([*command, "--html", "timeline.html"], cwd=folder, check=True)
    return folder / "timeline.html"


def film(page_file: Path) -> list[Image.Image]:
    """Return what the page shows at each step of the video."""
    pictures = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(page_file.as_uri())
        seconds = page.evaluate(
            """async () => {
                const video = document.querySelector("video");
                video.controls = false;
                while (video.readyState < 2) await new Promise(done => setTimeout(done, 50));
                return video.duration;
            }"""
        )
        for step in range(int(seconds * FRAMES_PER_SECOND)):
            page.evaluate(
                """async time => {
                    const video = document.querySelector("video");
                    const sought = new Promise(done => video.onseeked = done);
                    video.currentTime = time;
                    await sought;
                    await new Promise(requestAnimationFrame);
                }""",
                (step + 0.5) / FRAMES_PER_SECOND,
            )
            picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            pictures.append(picture.resize((SHOWN_WIDTH, SHOWN_WIDTH * HEIGHT // WIDTH)))
        browser.close()
    return pictures


def main() -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        pictures = film(make_page(Path(folder)))
    pictures[0].save(
        Path(__file__).with_name("timeline.webp"),
        save_all=True,
        append_images=pictures[1:],
        duration=1000 // FRAMES_PER_SECOND,
        loop=0,
        quality=60,
    )


if __name__ == "__main__":
    main()
