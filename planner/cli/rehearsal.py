"""rehearse: real requests against real instances, without a plan, under the vendor's example and under our plan."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.options import AsJson
from planner.cli.output import err, say, show, show_json
from planner.cli.planning import duration, instant
from planner.cli.processes import ended_like_ctrl_c
from planner.errors import InputError

if TYPE_CHECKING:
    from rich.progress import Progress

    from planner.cli.rehearsalruns import Server
    from planner.history import History
    from planner.rehearsal.measured import Rehearsal, Run
    from planner.rehearsal.scene import Scene

MODEL_SERVER = "model_server"
HELD = f"{MODEL_SERVER}.held:Held"
NEEDED = ("torch", "safetensors", "httptools", "uvloop")
"""What the model server imports beside the planner's dependencies."""
OF_A_BATCH = 1.5
"""A request takes half a batch, which is under way when it comes, and its own: so many times what a batch is held."""
SAMPLE_ZONE, ZONE = "America/New_York", "Asia/Shanghai"
SHORTEST, LONGEST = timedelta(minutes=10), timedelta(hours=12)

Trace = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="CSV or Parquet with the columns timestamp,value (concurrency); the bundled sample."
    ),
]
Speed = Annotated[
    float, typer.Option(metavar="N", min=1, max=240, help="How fast the trace goes: 60 is a minute of it each second.")
]
Start = Annotated[
    str | None,
    typer.Option(
        metavar="ISO8601",
        help="Where to begin (ISO 8601 with Z or offset); the steepest rise of the trace's last week.",
    ),
]
Span = Annotated[str, typer.Option(metavar="SPAN", help="How much of the trace: 90m, 3h.")]
Peak = Annotated[
    int,
    typer.Option(
        metavar="N", min=1, max=20, help="How many instances the span's peak fills; about 3.3 N start at most."
    ),
]
InstanceConcurrency = Annotated[
    int, typer.Option(metavar="N", min=1, max=200, help="Requests that an instance serves at once.")
]
RequestSeconds = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        min=0.05,
        max=10,
        help="What a request takes on a warm instance, about; what it really takes is measured first.",
    ),
]
Zone = Annotated[
    str | None,
    typer.Option(
        metavar="ZONE", help=f"IANA zone of the plan's days and of the picture; {ZONE}, of the sample {SAMPLE_ZONE}."
    ),
]
Seed = Annotated[int, typer.Option(metavar="N", min=0, help="Of the arrivals.")]
Command = Annotated[
    str | None,
    typer.Option(
        metavar="COMMAND",
        help="Server to start in place of the model server: {port} becomes the port it has to listen on, POST /invoke "
        "with a text must answer 200.",
    ),
]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Folder for the picture, the figures and every request.")]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("rehearse")(rehearse)


def rehearse(  # noqa: PLR0917  # typer makes each an option
    trace: Trace = None,
    speed: Speed = 60.0,
    start: Start = None,
    span: Span = "90m",
    peak: Peak = 3,
    instance_concurrency: InstanceConcurrency = 2,
    request_seconds: RequestSeconds = 0.8,
    zone: Zone = None,
    seed: Seed = 7,
    command: Command = None,
    out: Out = Path("rehearsal"),
    json: AsJson = False,
) -> None:
    """Send real requests to real instances on a local Function Compute: no plan, the vendor's example, our plan.

    A span of a trace is played three times with the same arrivals, one
    policy after the other. Instances are processes of this machine: the
    model server with the real model, each batch held as long as a larger
    model would hold a GPU. Latencies count from when a request was due.
    """
    from planner.columns import find_zone  # noqa: PLC0415  # `planner --help` stays fast
    from planner.rehearsal.scene import Wishes, scene_of  # noqa: PLC0415  # as above

    server = _server(command, request_seconds)
    wishes = Wishes(
        speed=speed,
        span=_span(span),
        peak=peak,
        instance_concurrency=instance_concurrency,
        request_seconds=request_seconds,
        zone=find_zone(zone or (ZONE if trace else SAMPLE_ZONE)).key,
        seed=seed,
        start=instant("--start", start),
    )
    scene = scene_of(_history(trace), wishes)
    _refuse_unwritable(out)
    found = _rehearsed(scene, server)
    _show(found, out, as_json=json)


def _show(found: Rehearsal, out: Path, *, as_json: bool) -> None:
    from planner.exports.rehearsal_files import data, export_rehearsal  # noqa: PLC0415  # as above
    from planner.exports.terminal import rehearsal_view  # noqa: PLC0415  # as above

    files = export_rehearsal(found, out)
    if as_json:
        show_json(data(found) | {"files": [str(path) for path in files]})
        return
    show(rehearsal_view(found))
    say(f"Wrote {len(files)} files to {out}: {files[0].name} to look at.")


def _rehearsed(scene: Scene, server: Server) -> Rehearsal:
    """Measure a start, plan, and live through the span under each document, one after the other."""
    from planner.cli.rehearsalruns import Play, lived, measured, world_of  # noqa: PLC0415  # as above
    from planner.rehearsal.documents import documents, planned, put_at  # noqa: PLC0415  # as above
    from planner.rehearsal.measured import Rehearsal  # noqa: PLC0415  # as above
    from planner.rehearsal.scene import arrivals  # noqa: PLC0415  # as above

    world, wishes = world_of(server, scene), scene.wishes
    with ended_like_ctrl_c(), _bar() as bar:
        bar.stage("measuring what a start and a request take")
        pace = measured(world, scene, bar.beat)
        lead = scene.in_trace(pace.start_seconds)
        put = put_at(scene, lead)
        plan = planned(scene, lead, lambda what: bar.stage(f"planning: {what}"))
        due = arrivals(
            scene.load, request_seconds=pace.request_seconds, minute_seconds=scene.minute_seconds, seed=wishes.seed
        )
        play = Play(world=world, scene=scene, put_at=put, due=due, beat=bar.beat)
        runs: list[Run] = []
        for name, document in documents(scene, lead, plan).items():
            bar.stage(f"playing the trace: {name}", (scene.end - put).total_seconds() / wishes.speed)
            runs.append(lived(name, document, play))
    unsafe = "The plan is unsafe: `planner apply` would have refused it; it was put all the same."
    return Rehearsal(
        scene=scene,
        pace=pace,
        lead=lead,
        currency=world.prices.currency,
        runs=tuple(runs),
        remarks=() if plan.safe else (unsafe,),
    )


def _server(command: str | None, request_seconds: float) -> Server:
    """What is started as an instance; InputError where the model server can't be."""
    from planner.cli.rehearsalruns import Server  # noqa: PLC0415  # as above

    if command is not None:
        words = _words(command)
        return Server(command=words, environment={}, cwd=str(Path.cwd()), hooks=False)
    package = find_spec(MODEL_SERVER)
    if package is None or package.origin is None:
        raise InputError(
            "The model server is not here: it comes with a clone of the repository, not with the installed package",
            remedy="Run it in a clone, or name a server of yours with --command.",
        )
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise InputError(
            f"The model server lacks {', '.join(missing)}",
            remedy="Run `make setup-model`, or name a server of yours with --command.",
        )
    words = (sys.executable, "-m", MODEL_SERVER, "--host", "127.0.0.1", "--port", "{port}", "--model", HELD)
    words += ("--batches-in-flight", "1")  # a second one at hand would wait, alone, as long as a whole batch
    held = {"MODEL_SERVER_HOLD_SECONDS": f"{request_seconds / OF_A_BATCH:.4f}"}
    return Server(command=words, environment=held, cwd=str(Path(package.origin).parents[1]), hooks=True)


def _refuse_unwritable(out: Path) -> None:
    """Not after minutes of playing."""
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise InputError(
            f"--out {out} can't be written: {there} is no folder that you may write to",
            remedy="Name a folder of yours with --out.",
        )


def _words(command: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise InputError(f"--command {command!r} is no command line: {error}", remedy="Check its quotes.") from error
    if not words:
        raise InputError("--command is empty", remedy="Write a program and its arguments.")
    return words


def _history(trace: Path | None) -> History:
    from planner.sources.files import read_history  # noqa: PLC0415  # as above
    from planner.sources.sample import sample_path  # noqa: PLC0415  # as above

    if trace is not None:
        return read_history(trace)
    with sample_path() as path:
        return read_history(path)


def _span(text: str) -> timedelta:
    span = duration("--span", text, remedy="Write 90m or 3h.")
    if not SHORTEST <= span <= LONGEST or span % timedelta(minutes=1):
        raise InputError(f"--span {text} is not whole minutes from 10m to 12h", remedy="Write 90m or 3h.")
    return span


class _Bar:
    """What goes on, and how far: of a stage whose seconds are known."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)
        self._began = 0.0

    def stage(self, what: str, seconds: float | None = None) -> None:
        """Another stage begins."""
        self._began = time.monotonic()
        self._progress.reset(self._task, description=what, total=seconds)

    def beat(self) -> None:
        """Time has passed."""
        self._progress.update(self._task, completed=time.monotonic() - self._began)


@contextmanager
def _bar() -> Iterator[_Bar]:
    """A bar on a terminal; silent elsewhere."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415  # as above

    console = err()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield _Bar(progress)
