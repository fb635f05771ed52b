"""The emulator against FC's published examples and live tests: its independent footing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.emulator import Load
from tests.emulator.fc import ASR, emulated
from tests.published import AT_ONCE, CASES, LAGS, Case, utc

INSTANT = replace(ASR, instance_concurrency=AT_ONCE, startup_seconds=(0.0,))


@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_emulator_does_what_the_source_shows(case: Case, lag: int) -> None:
    with emulated(INSTANT, at=utc(case.put_at), evaluation_lag_seconds=60 * lag) as fc:
        fc.emulator.offer(INSTANT.name, Load.constant(case.load), qualifier="prod")
        answer = fc.put(case.document)
        assert answer["target"] == case.document["defaultTarget"], case.source
        assert len(answer["scheduledActions"]) == len(case.document.get("scheduledActions", []))
        assert fc.targets(case.moments()) == list(case.expected.values()), case.source
