"""One life of real processes: a full disk, kill -9 of Function Compute, an edit, and a daemon that is suspended."""

from __future__ import annotations

from pathlib import Path

from tests.campaigns.processes import BLOW, live

SEED = 4


def test_real_processes_recover_from_real_signals_and_a_full_disk(tmp_path: Path) -> None:
    lived = live(SEED, tmp_path)
    assert lived.failures == (), lived.blows
    assert len(set(lived.blows)) == len(BLOW) - 1
