"""The section `daemon`: what `planner run` may do with a function, and how often it looks."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from planner.config.fields import Duration, between
from planner.config.freeze import FreezeConfig
from planner.config.sections import Section
from planner.provision import MAX_TARGET

Hours = Annotated[float, Field(ge=0)]


class DaemonConfig(Section):
    """What the daemon may do; nothing of it concerns the other commands."""

    mode: Annotated[
        Literal["observe", "propose", "auto"],
        Field(description="observe: plan and record only; propose: a person approves; auto: push"),
    ] = "observe"
    drift: Annotated[
        Literal["leave", "adopt", "revert"],
        Field(description="A document that somebody else changed: leave it alone, plan from it, or put the plan back"),
    ] = "leave"
    horizon: Annotated[
        Duration, AfterValidator(between("1h", "7d")), Field(description="How far each plan reaches")
    ] = timedelta(hours=24)
    plan_every: Annotated[Duration, AfterValidator(between("1m", "1d")), Field(description="A fresh plan")] = timedelta(
        minutes=15
    )
    min_interval: Annotated[
        Duration,
        AfterValidator(between("0s", "1d")),
        Field(description="Between two pushes, unless more than 5 % of the instances will lack within the hour"),
    ] = timedelta(minutes=30)
    worth_hours: Annotated[
        Hours, Field(description="Instance-hours that a push must save or add within the horizon")
    ] = 1.0
    max_rise: Annotated[
        int | None,
        Field(ge=1, le=MAX_TARGET, description="Instances by which one push may raise the peak; null: not bounded"),
    ] = None
    max_drop: Annotated[
        int | None,
        Field(ge=1, le=MAX_TARGET, description="Instances by which one push may lower it; null: not checked"),
    ] = None
    max_daily_hours: Annotated[
        Hours | None,
        Field(description="Instance-hours that may be promised for a day of time_zone; null: not checked"),
    ] = None
    max_daily_money: Annotated[Hours | None, Field(description="The same in price.currency; null: not checked")] = None
    auto_hours: Annotated[
        Hours | None,
        Field(description="Mode propose: instance-hours that a plan may add without being asked; null: none"),
    ] = None
    auto_money: Annotated[
        Hours | None,
        Field(description="The same in price.currency; where both are given, both have to hold"),
    ] = None
    freeze: Annotated[tuple[FreezeConfig, ...], Field(description="Windows in which nothing is pushed")] = ()
    backtest_days: Annotated[
        int, Field(ge=0, le=28, description="The last days that are lived through anew each week; 0: none")
    ] = 7
    fresh_within: Annotated[
        Duration,
        AfterValidator(between("1m", "365d")),
        Field(description="With an older newest metric nothing is pushed that lowers capacity"),
    ] = timedelta(minutes=30)
    proposal_lasts: Annotated[
        Duration, AfterValidator(between("5m", "7d")), Field(description="A proposal nobody answers runs out")
    ] = timedelta(hours=2)
    keep_records: Annotated[
        Duration,
        AfterValidator(between("7d", "3650d")),
        Field(description="Runs and events are dropped; plans that nobody sent or proposed after 2d at most"),
    ] = timedelta(days=30)
