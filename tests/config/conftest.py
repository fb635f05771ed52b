"""Configurations written to a fresh folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from planner.config import Config, load_config
from planner.errors import ConfigError

MINIMAL = "version: 1\nfunctions:\n- name: f\n"


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Config]:
    """Reads a text as `config.yaml` of the working folder."""
    monkeypatch.chdir(tmp_path)

    def read(text: str = MINIMAL, **environ: str) -> Config:
        Path("config.yaml").write_text(text, encoding="utf-8")
        return load_config(Path("config.yaml"), environ=environ)

    return read


@pytest.fixture
def faults(load: Callable[..., Config]) -> Callable[[str], tuple[str, ...]]:
    """The faults of a text, without the name of the file."""

    def read(text: str) -> tuple[str, ...]:
        with pytest.raises(ConfigError) as caught:
            load(text)
        assert caught.value.remedy
        return tuple(fault.removeprefix("config.yaml:") for fault in caught.value.faults)

    return read
