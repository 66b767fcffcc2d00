"""Build the site into site/: generated pages, executed notebooks, and a check of every link.

Written on the way, and not part of the repository: `reference/commands.md` from the command line
itself, `reference/recipes.md` from the recipes, and a page for each notebook with its outputs.

    python docs/build.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import typer
import typer.core
from nbclient import NotebookClient

from actionclip.cli.__main__ import build_app

ROOT = Path(__file__).resolve().parents[1]
DOCS, SITE = ROOT / "docs", ROOT / "site"


def commands() -> str:
    """Return a page with the help of every command."""
    sections = [
        "# Commands\n\nEach page of `--help`, as the program prints it. `--json` prints one "
        "document on stdout and nothing else there; a mistake is one line on stderr and exit "
        "status 2."
    ]
    for path, command in _walk(typer.main.get_command(build_app()), "actionclip"):
        with command.make_context(path, [], resilient_parsing=True) as context:
            context.terminal_width = context.max_content_width = 100
            sections.append(f"## {path}\n\n```text\n{command.get_help(context)}\n```")
    return "\n\n".join(sections) + "\n"


def _walk(command: object, path: str) -> Iterator[tuple[str, typer.core.TyperCommand]]:
    children = getattr(command, "commands", {})
    if not children:
        yield path, command  # pyright: ignore[reportReturnType]
    for name, child in children.items():
        yield from _walk(child, f"{path} {name}")


def recipes() -> str:
    """Return a page with every recipe."""
    sections = [
        "# Recipes\n\nWhat `actionclip train` takes; every key and its default is in "
        "`actionclip.training.recipe`."
    ]
    for path in sorted((ROOT / "recipes").glob("*.toml")):
        sections.append(
            f"## {path.name}\n\n```toml\n{path.read_text(encoding='utf-8').strip()}\n```"
        )
    return "\n\n".join(sections) + "\n"


def executed(path: Path) -> str:
    """Run a notebook in a folder of its own, and return it as a page; an error ends the build."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        if printed := "".join(_outputs(cell)).rstrip():
            parts.append(f"```text\n{printed}\n```")
    return "\n\n".join(parts) + "\n"


def _outputs(cell: nbformat.NotebookNode) -> Iterator[str]:
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            yield output.text
        elif "data" in output:
            yield output.data.get("text/plain", "")


class _Page(HTMLParser):
    """The ids of a page, and the addresses that it links to or shows."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            elif name in ("href", "src") and value and tag != "base":
                self.links.append(value)


def broken_links() -> list[str]:
    """Return a line for each link inside the site that leads nowhere."""
    pages = {path: _Page(path) for path in SITE.rglob("*.html")}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            address = urlsplit(link)
            if address.scheme or address.netloc or path.name == "404.html":
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            target = target / "index.html" if target.is_dir() else target
            fragment = unquote(address.fragment)
            if not target.is_file():
                broken.append(f"{path.relative_to(SITE)}: {link}: no such page")
            elif fragment and target in pages and fragment not in pages[target].ids | {"__skip"}:
                broken.append(f"{path.relative_to(SITE)}: {link}: no such heading")
    return sorted(set(broken))


def main() -> None:
    """Build, check, and end with status 1 where a link is broken."""
    (DOCS / "reference" / "commands.md").write_text(commands(), encoding="utf-8")
    (DOCS / "reference" / "recipes.md").write_text(recipes(), encoding="utf-8")
    for notebook in sorted((DOCS / "notebooks").glob("*.ipynb")):
        notebook.with_suffix(".md").write_text(executed(notebook), encoding="utf-8")
    program = [str(Path(sys.executable).with_name("zensical")), "build", "--clean"]
    subprocess.run(program, cwd=ROOT, check=True)
    broken = broken_links()
    print("\n".join(broken) or f"{len(list(SITE.rglob('*.html')))} pages, no broken link")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
