"""The fault campaign in a short form: a few lives with the harms that come along."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.faults import live

SEEDS = (5, 12, 20, 23, 28)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_has_to_hold_holds_after_a_life_with_harms(seed: int, tmp_path: Path) -> None:
    lived = live(seed, tmp_path)
    assert lived.failures == (), lived.harms
