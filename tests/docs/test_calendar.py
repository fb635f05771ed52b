"""The worked example in docs/calendar.md is what a run gives today.

GOLDEN=write pytest tests/docs    writes its figures anew
"""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from planner.calendar.acting import NOTHING
from planner.config import load_config, read_calendar
from planner.deciding import Question, acting_of
from planner.forecast import forecast
from planner.policies import dates_of, forecast_settings
from planner.provision import LiveDocument
from planner.sources.files import read_history

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "calendar.md"
NOW = datetime.fromisoformat("2013-10-14T00:00:00-04:00")
BLOCK = re.compile(r"<!-- example: (\w+) -->\n```text\n(.*?)```", re.DOTALL)
SHOWN = ("09:00", "09:45", "11:00", "13:45", "14:30", "16:00", "21:00")


def blocks() -> dict[str, str]:
    """The quoted texts by the name in the page's comment."""
    config = load_config(ROOT / "docs" / "calendar.yaml", environ={})
    (settings,) = config.functions
    history = read_history(config.resolve(str(settings.history.file)), until=NOW)
    company = dates_of((file, read_calendar(config.resolve(file))) for file in settings.calendar.files)
    question = Question(
        now=NOW,
        horizon=timedelta(days=1),
        history=history,
        live=LiveDocument(),
        instance_concurrency=8,
        company=company,
    )
    acting = acting_of(settings, question)
    plain, dated = (
        forecast(
            found.seen(history), now=NOW, horizon=question.horizon, settings=forecast_settings(settings), acting=found
        ).forecast.quantile(0.5)
        for found in (NOTHING, acting)
    )
    lines = ["in New York   without    with"]
    for time in SHOWN:
        there = datetime.fromisoformat(f"2013-10-14T{time}").replace(tzinfo=ZoneInfo(settings.time_zone))
        slot = (there - NOW) // timedelta(minutes=15)
        lines.append(f"{time}        {plain[slot]:9.1f}{dated[slot]:8.1f}")
    return {"notes": "\n".join(acting.notes), "forecast": "\n".join(lines)}


def test_the_worked_example_of_the_calendar_shows_todays_figures() -> None:
    made = blocks()
    text = PAGE.read_text(encoding="utf-8")
    if os.environ.get("GOLDEN") == "write":
        text = BLOCK.sub(lambda found: f"<!-- example: {found[1]} -->\n```text\n{made[found[1]]}\n```", text)
        PAGE.write_text(text, encoding="utf-8")
    quoted = {name: block.rstrip("\n") for name, block in BLOCK.findall(text)}
    assert quoted == made, "the figures moved: GOLDEN=write .venv/bin/pytest tests/docs"
