"""Compilation by numba, kept on disk where some folder can be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def kept(function: F) -> F:
    """Compile `function`; where no folder can be written each process compiles it anew."""
    compile_: Callable[..., Callable[[F], F]] = njit
    try:
        return compile_(cache=True)(function)
    except RuntimeError:
        return compile_()(function)
