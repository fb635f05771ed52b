"""Do rules of special days help? Error of each special day of a folder's histories, forecast from its midnight.

    python benchmarks/calendar_rules.py FOLDER COUNTRY [ZONE] [--series nyc_taxi]

A folder of CSV files with the columns timestamp,value; the country as in the configuration (CN, AU-VIC). `never` knows
no rule, `always` forecasts a public holiday as a Sunday and a make-up workday as the weekday that it stands in for, and
`auto` decides by what came before the day. Errors are those of the incumbent forecaster's centre: the sum of the
absolute errors over the sum of the tide. `after` is the mean error of the ordinary days up to a week after a special
one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from planner.calendar.days import Day, DayClass, classify
from planner.calendar.decide import Calendar, Rules, decide
from planner.calendar.rules import special_days
from planner.errors import HistoryError
from planner.forecasters.base import Outlook
from planner.forecasters.seasonal import Seasonal
from planner.forecasters.slots import DAY, slot_length, slot_tide
from planner.history import History
from planner.sources.files import read_history

WEEK = timedelta(days=7)
LEAST = timedelta(days=14)
LEARNT = 7
"""Days before the day on which the forecaster's members are weighed."""
LEAST_KNOWN = 0.75


def error(history: History, day: date, calendar: Calendar) -> float:
    """Error of one day, forecast from its midnight; NaN where too little of it is known."""
    now = midnight(day, calendar.time_zone)
    past = history.until(now)
    acting = decide(calendar, past, now=now, end=midnight(day + DAY, calendar.time_zone))
    slot = slot_length(history.step)
    seen = acting.ordinary(slot_tide(past, slot, calendar.time_zone))
    there = slot_tide(history.until(now + 2 * DAY), slot, calendar.time_zone)
    first = (day - date(1970, 1, 1)).days * seen.per_day - seen.first
    starts = [first - back * seen.per_day for back in range(LEARNT + 1)]
    outlooks = [Outlook(targets=np.arange(s, s + seen.per_day), known=min(s, seen.values.size)) for s in starts]
    centre = Seasonal().centres(seen, outlooks)[0].roots ** 2
    truth = there.at(outlooks[0].targets + seen.first - there.first)
    known = np.isfinite(truth)
    if known.mean() < LEAST_KNOWN or not truth[known].sum():
        return float("nan")
    return float(np.abs(truth - centre)[known].sum() / truth[known].sum())


def midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone))


def errors(history: History, day: date, country: str, zone: str) -> list[float]:
    return [error(history, day, Calendar(time_zone=zone, country=country, rules=rules)) for rules in ORDER]


ORDER = (Rules.NEVER, Rules.AUTO, Rules.ALWAYS)


def judged_days(history: History, country: str, zone: str) -> tuple[list[Day], list[Day]]:
    """Special days that a rule would move, and the ordinary days up to a week after one."""
    first = (history.start + LEAST).astimezone(ZoneInfo(zone)).date()
    last = history.end.astimezone(ZoneInfo(zone)).date()
    days = classify(country, (first + n * DAY for n in range((last - first).days)))
    special = [day for day in special_days(days, first, last) if day.moved]
    near = {day.date + n * DAY for day in special for n in range(1, 8)}
    plain = (DayClass.WORKDAY, DayClass.WEEKEND)
    return special, [day for day in days.values() if day.date in near and day.kind in plain]


def rows(path: Path, country: str, zone: str) -> Iterator[tuple[object, ...]]:
    history = read_history(path)
    special, after = judged_days(history, country, zone)
    for day in special:
        yield (path.stem, str(day.date), day.kind.value, day.name[:28], *errors(history, day.date, country, zone))
    for day in after:
        yield (path.stem, str(day.date), "after", "", *errors(history, day.date, country, zone))


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", type=Path)
    ask.add_argument("country")
    ask.add_argument("zone", nargs="?", default="UTC")
    ask.add_argument("--series", default="", help="only files whose name holds this")
    asked = ask.parse_args()
    found: list[tuple[object, ...]] = []
    for path in sorted(asked.folder.glob(f"*{asked.series}*.csv*")):
        try:
            found += rows(path, asked.country, asked.zone)
        except HistoryError as fault:
            print(f"{path.name}: {fault.message}")
    columns = ["series", "day", "class", "name", *(rules.value for rules in ORDER)]
    table = pd.DataFrame(found, columns=columns).dropna()
    special = table[table["class"] != "after"]
    print(special.to_string(index=False, float_format="{:.3f}".format))
    print()
    means = table.groupby(["series", "class"]).agg(days=("day", "size"), **{r.value: (r.value, "mean") for r in ORDER})
    print(means.to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
