"""backtest: what planning would have done on the function's own past, beside what people run today."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.options import CONFIG, AsJson, ConfigFile, FunctionName
from planner.cli.output import err, say, show, show_json
from planner.cli.planning import Cache, History, Now, duration, instant
from planner.cli.room import Room
from planner.errors import InputError

if TYPE_CHECKING:
    from datetime import datetime

    from planner.backtest import Backtest, Mapper, Past, Rules
    from planner.config import FunctionConfig
    from planner.exports.backtest_words import Report
    from planner.forecasters.keeping import Fits

DAY = timedelta(days=1)

Days = Annotated[int, typer.Option(metavar="N", min=1, max=90, help="How many of the last whole days to judge.")]
Every = Annotated[int, typer.Option(metavar="N", min=1, help="Judge each n-th of these days only.")]
Replan = Annotated[
    str, typer.Option(metavar="SPAN", help="Plan anew each so often, a whole part of a day: 1h, 6h, 24h.")
]
Latency = Annotated[
    str, typer.Option(metavar="SPAN", help="What the metric store has not got yet when a plan is made: 3m.")
]
Instant = Annotated[
    bool,
    typer.Option(
        "--instant-put", help="Take a put as instantaneous; else it answers with its default and destroys the surplus."
    ),
]
Jobs = Annotated[int, typer.Option(metavar="N", min=1, help="Processes that plan at the same time.")]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Write table, picture, CSV and JSON into this folder.")]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("backtest")(backtest)


def backtest(  # noqa: PLR0917  # typer makes each an option
    config: ConfigFile = CONFIG,
    function: FunctionName = None,
    history: History = None,
    now: Now = None,
    days: Days = 7,
    every: Every = 1,
    replan: Replan = "24h",
    latency: Latency = "3m",
    instant_put: Instant = False,
    jobs: Jobs = 1,
    cache: Cache = None,
    out: Out = None,
    json: AsJson = False,
) -> None:
    """Replay the last days: our plans, each made from what was known then, and what people run today."""
    from planner.backtest import judged_days, past_of, rules_of  # noqa: PLC0415  # `planner --help` stays fast
    from planner.policies import with_lead  # noqa: PLC0415  # as above

    room = Room.open(config, function)
    again, unseen = (
        duration(option, text, remedy="Write 3m, 1h or 24h.")
        for option, text in (("--replan", replan), ("--latency", latency))
    )
    if again <= timedelta(0) or DAY % again or again % timedelta(minutes=1):
        raise InputError(f"--replan {replan} is no whole part of a day", remedy="Write 1h, 6h or 24h.")
    question = room.question(history=history, now=instant("--now", now), horizon=DAY, adopt=False)
    past = past_of(question.history, question.instance_concurrency, question.company)
    if question.lead is not None:
        room = replace(room, settings=with_lead(room.settings, question.lead))
    rules = rules_of(room.settings, replan=again, latency=unseen, instant_put=instant_put)
    minimum = room.settings.history.minimum
    chosen = judged_days(past, question.now, rules, count=days, every=every, minimum=minimum)
    report = _report(room.settings, _judged(room, past, chosen, rules, jobs=jobs, fits=room.fits(cache)))
    files: tuple[Path, ...] = ()
    if out is not None:
        from planner.exports.backtest_files import export_backtest  # noqa: PLC0415  # as above

        files = export_backtest(report, out)
    _show(report, files, as_json=json)


def _show(report: Report, files: tuple[Path, ...], *, as_json: bool) -> None:
    from planner.exports.backtest_files import data  # noqa: PLC0415  # as above
    from planner.exports.terminal import backtest_view  # noqa: PLC0415  # as above

    if as_json:
        show_json(data(report) | {"files": [str(path) for path in files]})
        return
    show(backtest_view(report))
    if files:
        say(f"Wrote {len(files)} files to {files[0].parent}: backtest.md to read, backtest.png to look at.")


def _judged(room: Room, past: Past, days: tuple[datetime, ...], rules: Rules, *, jobs: int, fits: Fits) -> Backtest:
    from planner.backtest import OURS, baseline_documents, judge, origins, our_documents  # noqa: PLC0415  # as above
    from planner.baselines import BASELINES  # noqa: PLC0415  # as above

    with _bar(len(origins(days, rules)) + len(BASELINES)) as step, _mapper(jobs, step) as mapper:
        documents = {OURS: our_documents(room.settings, past, days, rules, mapper, fits)}
        for name in BASELINES:
            step(name)
            documents[name] = baseline_documents(name, past, days, rules)
        return judge(documents, past, days, rules)


def _report(settings: FunctionConfig, result: Backtest) -> Report:
    from planner.exports.backtest_words import Report  # noqa: PLC0415  # as above

    estimated = (
        "The tide behind the load is not known: the reference takes the mean over fifteen minutes around each minute "
        "for it, so a regret is a few per cent rough."
    )
    each = result.instance_concurrency
    made = f"Every plan was made against an empty document, for {each} request{'s' if each > 1 else ''} an instance."
    return Report(
        function=str(settings.ref),
        backtest=result,
        dated=settings.price.dated,
        remarks=(estimated, made),
    )


@contextmanager
def _bar(total: int) -> Iterator[Callable[[str], None]]:
    """A bar over the plans and the baselines, on a terminal; silent elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    console = err()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("planning", total=total)
        yield lambda what: bar.update(task, description=what, advance=1, refresh=True)


@contextmanager
def _mapper(jobs: int, step: Callable[[str], None]) -> Iterator[Mapper]:
    """`map` in this process, or over several; each document that is made moves the bar."""
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415  # as above
    from multiprocessing import get_context  # noqa: PLC0415  # as above

    def watched(each: Mapper) -> Mapper:
        def over(plan, moments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  # a Mapper
            for document in each(plan, moments):
                step("planning")
                yield document

        return over

    if jobs == 1:
        yield watched(map)
        return
    # Not forked: the bar runs a thread.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield watched(pool.map)
