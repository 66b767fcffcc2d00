"""The files that run the service: container, compose and systemd name what exists."""

import configparser
import fnmatch
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer.main
import yaml

from actionclip.cli.__main__ import build_app
from actionclip.server import settings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
KNOWN = {"FROM", "ARG", "ENV", "RUN", "WORKDIR", "COPY", "USER", "EXPOSE", "HEALTHCHECK"} | {
    "ENTRYPOINT",
    "CMD",
}


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Containerfile, each on one line."""
    text = (DEPLOY / "Containerfile").read_text("utf-8")
    lines = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines if line.strip()]


def values(name: str) -> list[str]:
    return [value for instruction, value in instructions() if instruction == name]


def parse(arguments: list[str]) -> dict[str, object]:
    """Parse a command line of the program without running it, or fail."""
    assert arguments[0] == "serve"
    command = typer.main.get_command(build_app()).commands["serve"]
    return command.make_context("serve", arguments[1:]).params


def test_the_containerfile_has_known_instructions_and_its_variables_are_declared():
    assert {name for name, _ in instructions()} <= KNOWN
    declared = {value.partition("=")[0] for value in values("ARG")} | {"PATH"}
    used = {name for _, value in instructions() for name in re.findall(r"\$\{(\w+)", value)}
    assert used <= declared
    assert not [name for name, _ in instructions() if name == "ADD"]


def test_its_python_is_one_that_the_package_supports_and_no_image_floats():
    for image in values("FROM"):
        assert re.match(r"python:\$\{PYTHON\}-slim", image)
    python = next(value for value in values("ARG") if value.startswith("PYTHON="))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    minor = int(python.rpartition(".")[2])
    least, most = re.findall(r"3\.(\d+)", project["requires-python"])
    assert int(least) <= minor < int(most)
    [extras] = re.findall(r"'\.\[([\w,]+)\]'", " ".join(values("RUN")))
    assert set(extras.split(",")) <= set(project["optional-dependencies"])


def test_what_is_copied_exists_and_is_not_ignored():
    let_through = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    ]
    sources = [
        source
        for value in values("COPY")
        if not value.startswith("--from=build /opt/")
        for source in value.split()[:-1]
    ]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(fnmatch.fnmatch(source, pattern) for pattern in let_through), source


def test_the_container_runs_the_service_without_the_rights_of_root():
    assert values("USER") == ["actionclip"]
    assert json.loads(values("ENTRYPOINT")[0]) == ["actionclip"]
    chosen = parse(json.loads(values("CMD")[0]))
    assert f"http://127.0.0.1:{chosen['port']}/healthz" in values("HEALTHCHECK")[0]
    assert values("EXPOSE") == [str(chosen["port"])]


def test_compose_builds_the_container_and_only_this_machine_reaches_it():
    document = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    [service] = document["services"].values()
    build = service["build"]
    assert ((DEPLOY / build["context"]).resolve() / build["dockerfile"]).samefile(
        DEPLOY / "Containerfile"
    )
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    assert settings.TOKEN_VARIABLE in service["environment"]
    home = re.search(r"--home-dir (\S+)", " ".join(values("RUN")))[1]
    assert [volume.split(":") for volume in service["volumes"]] == [["state", home]]
    assert set(document["volumes"]) == {"state"}


def test_the_unit_of_systemd_runs_the_service(tmp_path):
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str
    unit.read(DEPLOY / "actionclip.service")
    program, *arguments = shlex.split(unit["Service"]["ExecStart"])
    assert parse(arguments)["token_file"] == Path("${CREDENTIALS_DIRECTORY}/token")
    assert unit["Service"]["LoadCredential"].startswith("token:")
    stops = float(unit["Service"]["TimeoutStopSec"])
    assert stops > settings.Limits.stop_seconds + 5
    systemd = shutil.which("systemd-analyze")
    if systemd is None:
        pytest.skip("needs systemd-analyze to check the rest")
    copy = tmp_path / "actionclip.service"
    text = (DEPLOY / "actionclip.service").read_text("utf-8")
    copy.write_text(text.replace(program, shutil.which("true")))
    done = subprocess.run([systemd, "verify", copy], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
