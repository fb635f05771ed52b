"""Weeks of the real daemon on a local Function Compute, held against what the backtest promises for the same days.

    python -m tests.campaigns.month [--days 28] [--alone 0] [--trace FILE.csv] [--json FILE]

The emulator plays the trace and is its Cloud Monitor; `planner run --live-through` collects, plans each hour, pushes
and verifies each minute through the SDKs, in SQLite. Then, with `--alone`, the daemon is gone for so many days. Judged:

- instance-hours and cold share of the emulator's ledger, against `planner backtest --replan 6h` of the same days: at
  most a quarter more hours, and at most twice the cold share. Less of either is better and passes.
- every line of the daemon above INFO: one that `EXPLAINED` doesn't know fails.
- the process's memory and the database from day to day, after the first days.
- alone: never no instance, at most 2 % cold, and for less than half of the time the most that was ever wanted.

The exit code is 1 where something failed.
"""

from __future__ import annotations

import argparse
import json
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from planner.sources.sample import sample_path
from tests.acceptance.conftest import COMMAND, environment, run
from tests.campaigns.stage import DAY, Local, Setting, configure, local, set_up

HOURS_WITHIN, COLD_WITHIN = 1.25, 2.0
SETTLED_DAYS = 3
"""After them the daemon has seen every job, and holds what it will hold."""
MEMORY_MB_A_WEEK, DATABASE_MB_A_DAY = 8.0, 6.0
EXPLAINED: tuple[tuple[str, str], ...] = ()
"""Lines above INFO that are no fault of the daemon's: a pattern of the sentence, and why it comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of a span: instance-hours (starting ones too, as they are billed), and the share that met no warm instance."""

    hours: float
    cold_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the daemon took when a day was over."""

    day: int
    memory_mb: float
    database_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """The week without a daemon: its figures, and the fewest and most instances that were wanted at any minute."""

    figures: Figures
    fewest: int
    most: int
    needed: int
    """Instances that its highest minute takes."""
    at_most: float
    """Share of the minutes in which the target was the highest one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of it."""

    days: int
    wall_seconds: float
    puts: int
    lived: Figures
    promised: Figures
    daily: tuple[Figures, ...]
    samples: tuple[Sample, ...]
    unexplained: tuple[str, ...]
    alone: Alone | None

    @property
    def failures(self) -> tuple[str, ...]:
        """What doesn't hold, a sentence each."""
        checks = (
            (
                self.lived.hours <= HOURS_WITHIN * self.promised.hours,
                f"{self.lived.hours:.1f} instance-hours, and {self.promised.hours:.1f} were promised",
            ),
            (
                self.lived.cold_share <= COLD_WITHIN * self.promised.cold_share,
                f"a cold share of {self.lived.cold_share:.3%}, and {self.promised.cold_share:.3%} was promised",
            ),
            (not self.unexplained, f"{len(self.unexplained)} unexplained lines, such as: {self.unexplained[:1]}"),
            *_growth(self.samples),
            *(_alone_checks(self.alone) if self.alone else ()),
        )
        return tuple(sentence for holds, sentence in checks if not holds)


def _growth(samples: Sequence[Sample]) -> tuple[tuple[bool, str], ...]:
    settled = [sample for sample in samples if sample.day >= SETTLED_DAYS]
    if len(settled) < 2:
        return ()
    days = settled[-1].day - settled[0].day
    memory = (settled[-1].memory_mb - settled[0].memory_mb) / days * 7
    database = (settled[-1].database_mb - settled[0].database_mb) / days
    return (
        (memory <= MEMORY_MB_A_WEEK, f"the daemon's memory grows by {memory:.1f} MB a week"),
        (database <= DATABASE_MB_A_DAY, f"the database grows by {database:.1f} MB a day"),
    )


def _alone_checks(alone: Alone) -> tuple[tuple[bool, str], ...]:
    return (
        (alone.fewest >= 1, "without a daemon Function Compute came to want no instance"),
        (alone.at_most < 0.5, f"without a daemon the peak was held for {alone.at_most:.0%} of the time"),
        (alone.figures.cold_share <= 0.02, f"without a daemon {alone.figures.cold_share:.2%} was cold"),
    )


def campaign(setting: Setting, *, alone_days: int = 0) -> Report:
    """Live through it and judge it."""
    with local(setting) as server:
        configure(setting, "planner.yaml", port=server.port)
        began = time.monotonic()
        samples = _live(setting)
        took = time.monotonic() - began
        days = [server.lived(setting.begin + n * DAY, setting.begin + (n + 1) * DAY) for n in range(setting.days)]
        alone = _left_alone(setting, server, alone_days) if alone_days else None
    return Report(
        days=setting.days,
        wall_seconds=round(took, 1),
        puts=_puts(setting.folder / "planner.db"),
        lived=figures([minute for day in days for minute in day]),
        promised=_promise(setting),
        daily=tuple(map(figures, days)),
        samples=samples,
        unexplained=unexplained(setting.folder / "daemon.log"),
        alone=alone,
    )


def _puts(database: Path) -> int:
    """Documents that the daemon sent, by its records: the emulator's journal keeps the newest calls only."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM attempts WHERE kind = 'applied'").fetchone()
    return int(count)


def figures(minutes: Sequence[dict[str, Any]]) -> Figures:
    """Add up minutes of the ledger."""
    offered = sum(minute["offered"] for minute in minutes)
    cold = sum(minute["cold"] for minute in minutes)
    hours = sum(minute["warm"] + minute["starting"] for minute in minutes) / 60
    return Figures(hours=round(hours, 2), cold_share=round(cold / offered, 6) if offered else 0.0)


def unexplained(log: Path) -> tuple[str, ...]:
    """Lines of the daemon above INFO that nothing explains; those that are no JSON are among them."""
    found = []
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            found.append(line)
            continue
        if told["level"] != "info" and not any(re.search(pattern, told["message"]) for pattern, _ in EXPLAINED):
            found.append(f"{told['at']} {told['level']} {told['message']}")
    return tuple(found)


def _live(setting: Setting) -> tuple[Sample, ...]:
    """Run the daemon to the end of the days; what it took after each of them."""
    samples: list[Sample] = []
    with (setting.folder / "daemon.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*COMMAND, "run", "--log", "json", "--live-through", f"{setting.days}d"],
            cwd=setting.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            while process.poll() is None:
                time.sleep(0.5)
                day = (_reached(setting) - setting.begin) // DAY
                if day > len(samples) and process.poll() is None:
                    samples.append(_sample(setting, process.pid, day))
        finally:
            process.kill()
    if process.returncode != 0:
        raise RuntimeError(f"the daemon ended with {process.returncode}: see {setting.folder}/daemon.log")
    return tuple(samples)


def _reached(setting: Setting) -> datetime:
    """How far the daemon is, by the last whole line of its log."""
    with (setting.folder / "daemon.log").open("rb") as log:
        log.seek(max(log.seek(0, 2) - 4096, 0))
        lines = log.read().decode(errors="replace").splitlines()[1:-1]
    for line in reversed(lines):
        if line.startswith('{"at": "'):
            return datetime.fromisoformat(json.loads(line)["at"])
    return setting.begin


def _sample(setting: Setting, pid: int, day: int) -> Sample:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    resident = int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1024
    database = sum(file.stat().st_size for file in setting.folder.glob("planner.db*")) / 2**20
    return Sample(day=day, memory_mb=round(resident, 1), database_mb=round(database, 1))


def _left_alone(setting: Setting, server: Local, days: int) -> Alone:
    end = setting.end + days * DAY
    server.move_to(end)
    minutes = server.lived(setting.end, end)
    targets = [minute["target"] for minute in minutes]
    peak = max(minute["offered"] for minute in minutes)
    return Alone(
        figures=figures(minutes),
        fewest=min(targets),
        most=max(targets),
        needed=int(-(-peak // setting.concurrency)),
        at_most=round(targets.count(max(targets)) / len(targets), 4),
    )


def _promise(setting: Setting) -> Figures:
    """What `planner backtest` says of these days, planned from what was known then."""
    configure(setting, "promise.yaml", port=None)
    asked = ("--config", "promise.yaml", "--days", setting.days, "--replan", "6h", "--json")
    ran = run("backtest", *asked, "--now", setting.end.isoformat(), cwd=setting.folder, seconds=7200)
    if ran.returncode != 0:
        raise RuntimeError(f"planner backtest ended with {ran.returncode}: {ran.stderr}")
    ours = json.loads(ran.stdout)["policies"][0]
    return Figures(hours=ours["instance_hours"], cold_share=ours["cold_share"])


def table(report: Report) -> str:
    """The report for people."""
    lived, promised = report.lived, report.promised
    more, colder = lived.hours / promised.hours, lived.cold_share / max(promised.cold_share, 1e-9)
    lines = [
        f"{report.days} days in {report.wall_seconds / 60:.1f} min, {report.puts} puts",
        f"{'':16}{'lived':>12}{'promised':>12}{'ratio':>8}",
        f"{'instance-hours':16}{lived.hours:12.1f}{promised.hours:12.1f}{more:8.2f}",
        f"{'cold share':16}{lived.cold_share:12.4%}{promised.cold_share:12.4%}{colder:8.2f}",
    ]
    lines += [
        f"day {sample.day:3}: {daily.hours:8.1f} h {daily.cold_share:9.4%} cold, "
        f"{sample.memory_mb:6.1f} MB of memory, {sample.database_mb:6.1f} MB of database"
        for sample, daily in zip(report.samples, report.daily, strict=False)
    ]
    if report.alone:
        alone, its = report.alone, report.alone.figures
        lines.append(
            f"then alone: {its.hours:.1f} instance-hours, {its.cold_share:.4%} cold, {alone.fewest} to {alone.most} "
            f"instances where the peak needs {alone.needed}, the most of them {alone.at_most:.0%} of the time"
        )
    return "\n".join((*lines, *(f"FAILED: {failure}" for failure in report.failures)))


def main() -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.month")
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--alone", type=int, default=0, help="days without a daemon afterwards")
    parser.add_argument("--trace", type=Path, help="CSV or Parquet of timestamp,value; the bundled sample without it")
    parser.add_argument("--concurrency", type=int, default=8, help="requests an instance")
    parser.add_argument("--forecaster", default="auto")
    parser.add_argument("--folder", type=Path, help="where files stay; a temporary folder without it")
    parser.add_argument("--json", type=Path, help="write the report here, too")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, sample_path() as sample:
        setting = set_up(
            asked.folder or Path(temporary),
            asked.trace or sample,
            concurrency=asked.concurrency,
            days=asked.days,
            forecaster=asked.forecaster,
        )
        report = campaign(setting, alone_days=asked.alone)
    sys.stdout.write(table(report) + "\n")
    if asked.json:
        asked.json.write_text(json.dumps(asdict(report) | {"failures": report.failures}, indent=1), encoding="utf-8")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
