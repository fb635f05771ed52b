"""The month in a short form: two days of the bundled trace, with a forecaster that takes no second for a plan."""

from __future__ import annotations

from pathlib import Path

from planner.sources.sample import sample_path
from tests.campaigns.month import campaign
from tests.campaigns.stage import set_up


def test_two_days_of_the_daemon_keep_what_the_backtest_promises(tmp_path: Path) -> None:
    with sample_path() as trace:
        setting = set_up(tmp_path, trace, concurrency=8, days=2, forecaster="seasonal")
    report = campaign(setting, alone_days=1)

    assert report.failures == ()
    assert (len(report.daily), report.alone is not None) == (2, True)
    assert 0 < report.puts <= 2 * 48
