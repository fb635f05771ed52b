"""Where fits are kept between plans: named by a person, or the usual place of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

VARIABLE = "PLANNER_CACHE"
"""Environment variable that replaces `cache.folder`."""
OFF = "off"
"""In place of a folder: nothing is kept."""


def resolve_cache(folder: str | None, base: Path, environ: Mapping[str, str]) -> Path | None:
    """Return the folder, or None where nothing is to be kept; a relative `folder` begins at `base`.

    Where none is named it is `planner` in XDG_CACHE_HOME, by default ~/.cache (XDG Base Directory Specification 0.8,
    which also has a relative XDG_CACHE_HOME ignored).
    """
    if named := environ.get(VARIABLE):
        return None if named == OFF else Path(named).absolute()
    if folder is not None:
        return None if folder == OFF else base / folder
    if (usual := Path(environ.get("XDG_CACHE_HOME", ""))).is_absolute():
        return usual / "planner"
    return Path(home) / ".cache" / "planner" if (home := environ.get("HOME")) else None
