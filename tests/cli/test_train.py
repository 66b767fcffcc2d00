import sys
from pathlib import Path

import pytest

from actionclip.cli import main


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run the program in an empty folder; give its exit status, output and errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["actionclip", "train", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            main()
        return (ending.value.code or 0, *capsys.readouterr())

    return run


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "give a recipe, or --data"),
        (["a.toml", "--data", "b"], "one of the two"),
        (["nowhere.toml"], "nowhere.toml: no such recipe"),
        (["--data", "nowhere"], "nowhere"),
        (["typo.toml"], "typo.toml: optim.epoch: unknown; did you mean 'epochs'?"),
        (["nodata.toml"], "videos"),
    ],
)
def test_a_mistake_is_one_line_and_status_2_and_leaves_nothing(run, tmp_path, arguments, complaint):
    (tmp_path / "typo.toml").write_text('[data]\npath = "x"\n[optim]\nepoch = 3\n')
    (tmp_path / "nodata.toml").write_text('[data]\npath = "videos"\n')
    before = sorted(Path(tmp_path).iterdir())
    status, out, err = run(*arguments)
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert (status, out) == (2, "")
    assert len(errors) == 1
    assert complaint in errors[0]
    assert sorted(Path(tmp_path).iterdir()) == before
