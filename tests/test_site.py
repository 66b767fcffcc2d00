"""The site builds: both notebooks run, and every link leads somewhere."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_site_builds_with_its_notebooks_and_without_a_broken_link():
    pytest.importorskip("zensical", reason="the extra 'docs' is not installed")
    result = subprocess.run(
        [sys.executable, ROOT / "docs" / "build.py"], capture_output=True, text=True, cwd=ROOT
    )
    assert result.returncode == 0, result.stdout + result.stderr
    start = (ROOT / "site" / "index.html").read_text(encoding="utf-8")
    assert "<title>" in start
    assert "http://" not in start.replace("http://www.w3.org", "")
