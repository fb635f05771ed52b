"""`planner run --listen`: the daemon's pages, where somebody asked for them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from planner.errors import InputError

if TYPE_CHECKING:
    from planner.observing import Observer

LOG = logging.getLogger("planner.daemon")
VARIABLE = "PLANNER_TOKEN"
Listen: TypeAlias = Annotated[
    str | None,
    typer.Option("--listen", metavar="HOST:PORT", help="Answer /metrics, /health and /ready there; off without it."),
]
TokenFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help=f"Token that readers show as Bearer, in place of {VARIABLE}; needed where other machines reach HOST.",
    ),
]


@contextmanager
def shown(observer: Observer, listen: str | None, token_file: Path | None, *, once: bool) -> Iterator[None]:
    """Serve the pages while the block runs, or nothing without `listen`; InputError where that can't be done safely."""
    from planner.observing import address_of, serving, token_of  # noqa: PLC0415  # `planner --help` stays fast

    if listen is None:
        if token_file is not None:
            raise InputError("--token-file is for readers of --listen, which is not given", remedy="Give both.")
        yield
        return
    if once:
        raise InputError("--listen is for a daemon that stays, not for --once", remedy="Give one of them.")
    address = address_of(listen)
    token = token_of(address, token_file, os.environ.get(VARIABLE))
    with serving(address, token, observer) as bound:
        # The token isn't named: the line may go anywhere.
        said = f"/metrics, /health and /ready at http://{bound}{', with a token' if token else ''}"
        LOG.info("%s", said, extra={"action": "listen", "sentence": said})
        yield
