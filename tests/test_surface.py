import importlib.metadata
import subprocess
import sys

import pytest

import actionclip
from actionclip.cli import main


def test_every_public_name_can_be_imported():
    assert actionclip.__all__ == sorted(actionclip.__all__)
    for name in actionclip.__all__:
        assert getattr(actionclip, name).__name__ == name


def test_the_version_is_that_of_the_installed_package(capsys, monkeypatch):
    version = importlib.metadata.version("actionclip")
    assert actionclip.__version__ == version
    monkeypatch.setattr(sys, "argv", ["actionclip", "--version"])
    with pytest.raises(SystemExit) as ending:
        main()
    assert ending.value.code == 0
    assert capsys.readouterr().out == f"actionclip {version}\n"


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, actionclip; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
