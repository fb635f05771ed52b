"""Compilation by numba, kept on disk where some folder can be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def kept(function: F, *signature: object, **options: object) -> F:
    """Compile `function`, at once where it has a `signature`, and keep it in a folder of numba's choice.

    That is NUMBA_CACHE_DIR, else the package's own, else the user's cache; where none can be written, each process
    compiles anew, which may take some seconds. `options` are those of `numba.njit`.
    """
    compile_: Callable[..., Callable[[F], F]] = njit
    try:
        return compile_(*signature, cache=True, **options)(function)
    except RuntimeError:  # numba found no folder
        return compile_(*signature, **options)(function)
