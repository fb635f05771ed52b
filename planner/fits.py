"""Kept fits in a folder, one file each: the port of `planner.forecasters.keeping` on a disk.

The name of a file is a digest of what the fit saw, of the code of the forecasters and of the libraries that they
stand on, so that an upgrade finds nothing rather than what another version made. A file begins with a digest of its
name and content: one that was torn, changed or renamed is none. Writers share the folder without locks, since a file
appears whole or not at all, and two that write one name write the same.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
from numpy.typing import NDArray

from planner.config.cache import OFF
from planner.errors import InputError

FIT, PART = ".fit", ".part"
MOST_BYTES = 128 * 2**20
"""About 2,700 fits of Prophet, of 50 kB each; beyond it the longest unused go."""
LIBRARIES = ("cmdstanpy", "holidays", "numpy", "pandas", "prophet")


@dataclass(frozen=True, slots=True, kw_only=True)
class FitFolder:
    """Keeps fits in `folder`, which is made when the first one comes; at most `most_bytes` of them."""

    folder: Path
    most_bytes: int = MOST_BYTES

    def __post_init__(self) -> None:
        is_other = False
        with suppress(OSError):  # a folder that can't be looked at keeps nothing
            is_other = self.folder.exists() and not self.folder.is_dir()
        if is_other:
            raise InputError(
                f"the cache {self.folder} is no folder", remedy=f"Name a folder, or {OFF} to keep no fits."
            )

    def find(self, key: str) -> NDArray[np.float64] | None:
        """What was kept under `key`, or None where there is nothing or nothing sound."""
        path = self._path(key)
        try:
            held = path.read_bytes()
        except OSError:
            return None
        payload = held[hashlib.sha256().digest_size :]
        if held != _sealed(path.name, payload):
            return None
        with suppress(OSError):  # of a folder that can only be read
            os.utime(path)
        return np.load(io.BytesIO(payload), allow_pickle=False)  # type: ignore[no-any-return]  # as `keep` wrote it

    def keep(self, key: str, fit: NDArray[np.float64]) -> None:
        """Write it; a folder that is full or can't be written stays as it is."""
        path, payload = self._path(key), io.BytesIO()
        np.save(payload, fit, allow_pickle=False)
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=self.folder, suffix=PART, delete=False) as part:
                try:
                    part.write(_sealed(path.name, payload.getvalue()))
                    part.close()
                    Path(part.name).replace(path)
                except OSError:
                    Path(part.name).unlink()
                    raise
            self._drop_oldest()

    def _path(self, key: str) -> Path:
        return self.folder / (hashlib.sha256(f"{_code()} {key}".encode()).hexdigest() + FIT)

    def _drop_oldest(self) -> None:
        """Keep within `most_bytes`, what was used last first; what killed writers left goes the same way."""
        held = []
        for path in self.folder.iterdir():
            if path.suffix in (FIT, PART):
                with suppress(FileNotFoundError):  # another writer may drop or rename it
                    held.append((path.stat(), path))
        left = self.most_bytes
        for stat, path in sorted(held, key=lambda each: -each[0].st_mtime_ns):
            left -= stat.st_size
            if left < 0:
                path.unlink(missing_ok=True)


def _sealed(name: str, payload: bytes) -> bytes:
    return hashlib.sha256(name.encode() + payload).digest() + payload


@cache
def _code() -> str:
    """Digest of what a fit is made by: the forecasters' source, their libraries, Python and the kind of machine."""
    made_by = hashlib.sha256(f"{sys.version} {platform.machine()}".encode())
    for library in LIBRARIES:
        made_by.update(f"{library} {version(library)}\n".encode())
    for source in sorted(files("planner.forecasters").iterdir(), key=lambda each: each.name):
        if source.name.endswith(".py"):
            made_by.update(source.name.encode() + source.read_bytes())
    return made_by.hexdigest()
