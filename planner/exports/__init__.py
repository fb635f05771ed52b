"""Plan to files: one format a module, each a function of the plan alone, so the same plan gives the same bytes.

What every file holds and for whom: docs/exports.md. The renderables of the command line are in `terminal`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from planner.errors import InputError
from planner.exports import (
    markdown,
    picture,
    plan_json,
    provision_config,
    provision_v2,
    scaling_config,
    schedule_csv,
    schedule_ics,
    serverless_devs,
)
from planner.plan import Plan

__all__ = ["FILES", "export", "write"]

_RENDERERS: dict[str, Callable[[Plan], str | bytes]] = {
    provision_config.NAME: provision_config.render,
    scaling_config.NAME: scaling_config.render,
    scaling_config.NOTE_NAME: scaling_config.note,
    serverless_devs.NAME: serverless_devs.render,
    provision_v2.NAME: provision_v2.render,
    schedule_csv.NAME: schedule_csv.render,
    schedule_ics.NAME: schedule_ics.render,
    plan_json.NAME: plan_json.render,
    markdown.NAME: markdown.render,
    picture.NAME: picture.render,
}
FILES = tuple(_RENDERERS)
"""The names of the files, in the order in which they are written."""


def export(plan: Plan, folder: Path) -> tuple[Path, ...]:
    """Write every format into `folder`, which is made where it is missing; files of an earlier plan are replaced.

    Each file is complete or absent at any moment. Raises InputError when the folder can't be written.
    """
    return write(folder, ((name, render(plan)) for name, render in _RENDERERS.items()), option="--export")


def write(folder: Path, files: Iterable[tuple[str, str | bytes]], *, option: str) -> tuple[Path, ...]:
    """Write each (name, content); each file is complete or absent at any moment. `option` named the folder.

    Raises InputError when the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tuple(_write(folder / name, content) for name, content in files)
    except OSError as error:
        raise InputError(
            f"the export can't be written to {folder}: {error.strerror}",
            remedy=f"Give {option} a folder that you may write to, with room for about 1 MB.",
        ) from error


def _write(path: Path, content: str | bytes) -> Path:
    # A calendar or a pipeline may read at any time: the name points to the old file or to the whole new one.
    draft = path.with_name(f".{path.name}.draft")
    draft.write_bytes(content.encode() if isinstance(content, str) else content)
    return draft.replace(path)
