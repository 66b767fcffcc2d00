import subprocess
import sys

import actionclip


def test_every_public_name_can_be_imported():
    assert actionclip.__all__ == sorted(actionclip.__all__)
    for name in actionclip.__all__:
        assert getattr(actionclip, name).__name__ == name


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, actionclip; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
