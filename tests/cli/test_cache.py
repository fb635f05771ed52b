"""The cache of fits decides how long a plan takes, and no byte of it."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from planner.forecasters import prophet
from tests.cli.conftest import Planner

CONFIG = "version: 1\n{}functions:\n- name: f\n  time_zone: UTC\n  forecast: {{backtest_days: 2}}\n"
NOW = "2026-01-24T00:10:00Z"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration and nineteen days of history, by the quarter of an hour."""
    rate = 20 * (1 + 0.75 * np.sin(np.arange(19 * 96) * 2 * np.pi / 96))
    values = np.random.default_rng(1).poisson(rate)
    stamps = pd.date_range("2026-01-05", periods=len(values), freq="15min").strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = "".join(f"{stamp},{value}\n" for stamp, value in zip(stamps, values, strict=True))
    (tmp_path / "history.csv").write_text("timestamp,value\n" + rows, encoding="utf-8")
    (tmp_path / "planner.yaml").write_text(CONFIG.format(""), encoding="utf-8")
    return tmp_path


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with each fit of Prophet."""
    made: list[int] = []
    fit = prophet._fit

    def counted(*arguments: object) -> object:
        made.append(1)
        return fit(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(prophet, "_fit", counted)  # the library has no way to be counted
    return made


def planned(planner: Planner, *more: object) -> str:
    found = planner("plan", "--dry-run", "--history", "history.csv", "--now", NOW, "--json", *more)
    assert found.code in (0, 3), found.err
    return found.out


def emptied(cache: Path) -> None:
    for path in cache.iterdir():
        path.write_bytes(b"")


def damaged(cache: Path) -> None:
    for path in cache.iterdir():
        held = path.read_bytes()
        path.write_bytes(held[:-1] + bytes([held[-1] ^ 255]))


def locked(cache: Path) -> None:
    cache.chmod(stat.S_IRUSR | stat.S_IXUSR)


@pytest.mark.parametrize(
    ("meanwhile", "anew"),
    [(lambda cache: None, False), (emptied, True), (damaged, True), (locked, False)],
    ids=["warm", "emptied", "damaged", "read-only"],
)
def test_the_plan_is_the_same_to_the_byte_whatever_the_cache_holds(
    planner: Planner, folder: Path, fitted: list[int], meanwhile: Callable[[Path], None], anew: bool
) -> None:
    without = planned(planner, "--cache", "off")
    count = len(fitted)
    cold = planned(planner, "--cache", "kept")
    assert len(fitted) == 2 * count > 2
    meanwhile(folder / "kept")
    again = planned(planner, "--cache", "kept")
    (folder / "kept").chmod(stat.S_IRWXU)
    assert len(fitted) == (3 if anew else 2) * count
    assert without == cold == again


def test_a_dry_run_fills_the_cache_and_nothing_else(planner: Planner, folder: Path) -> None:
    before = set(folder.iterdir())
    planned(planner, "--cache", "kept")
    assert set(folder.iterdir()) - before == {folder / "kept"}
    assert list((folder / "kept").iterdir())


@pytest.mark.parametrize(
    ("config", "environment", "option", "used"),
    [
        ("cache: {folder: own}\n", None, None, "own"),
        ("cache: {folder: own}\n", "named", None, "named"),
        ("cache: {folder: own}\n", "named", "asked", "asked"),
        ("cache: {folder: own}\n", "off", None, None),
        ("cache: {folder: off}\n", None, None, None),
        ("cache: {folder: off}\n", None, "asked", "asked"),
        ("", None, None, "xdg/planner"),
        ("", None, "off", None),
    ],
)
def test_the_option_goes_before_the_environment_and_that_before_the_configuration(
    planner: Planner,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    config: str,
    environment: str | None,
    option: str | None,
    used: str | None,
) -> None:
    (folder / "planner.yaml").write_text(CONFIG.format(config), encoding="utf-8")
    monkeypatch.setattr(prophet.ProphetFamily, "centres", asked := Asked())  # only where the fits go is looked at
    monkeypatch.setenv("PLANNER_CACHE", environment or "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "xdg"))
    planned(planner, *(("--cache", option) if option else ()))
    assert [path.parent for path in folder.rglob("*.fit")] == ([folder / used] if used else [])
    assert asked.times == 1


class Asked:
    """In place of Prophet: keeps one array and gives up."""

    def __init__(self) -> None:
        self.times = 0

    def __get__(self, family: prophet.ProphetFamily, _: object) -> Callable[..., object]:
        def centres(*_: object) -> object:
            self.times += 1
            family.fits.keep("key", np.zeros(1))
            raise prophet.FitError("enough")

        return centres


def test_a_cache_that_is_a_file_is_refused_before_any_work(planner: Planner, folder: Path) -> None:
    found = planner("plan", "--dry-run", "--history", "none.csv", "--now", NOW, "--cache", "planner.yaml")
    assert found.code == 2
    assert "the cache planner.yaml is no folder" in found.err
    assert "off" in found.err
