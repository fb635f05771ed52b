"""`pip install .` gives the whole planner: what it needs at run time travels in the wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "--wheel-dir", folder, ROOT], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def planner(site: Path, *args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-c", "from planner.cli import main; main()", *args]
    env = {**os.environ, "PYTHONPATH": str(site), "PYTHONWARNINGS": "ignore"}
    return subprocess.run(run, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def test_the_installed_planner_plans_its_sample_and_keeps_the_plan(installed: Path, tmp_path: Path) -> None:
    where = planner(installed, "init", "planner.yaml", cwd=tmp_path)
    assert where.returncode == 0, where.stderr
    config = tmp_path / "planner.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("region: cn-hangzhou", "region: null"))

    made = planner(installed, "plan", "--config", "planner.yaml", "--export", "out", cwd=tmp_path)

    assert made.returncode == 0, made.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"provision-config.json", "plan.png", "plan.json"}
    assert "plan 1" in planner(installed, "history", "--config", "planner.yaml", cwd=tmp_path).stdout


def test_the_wheel_holds_migrations_schema_sample_prior_and_configurations(installed: Path) -> None:
    inside = installed / "planner"
    for name in (
        "migrations/versions",
        "data/config.schema.json",
        "data/prior.json",
        "data/sample/text-moderation.csv",
        "data/sample/README.md",
        "config_files/local.yaml",
        "config_files/emulator.yaml",
        "emulator/server.py",
        "py.typed",
    ):
        assert (inside / name).exists(), name
