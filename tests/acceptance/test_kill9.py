"""Kill -9 of `planner apply` at ten moments: Function Compute holds the old or the new document, and the next command
says truthfully which. Before anything is killed, Ctrl-C and SIGTERM: they leave a closed row.
"""

from __future__ import annotations

import json
import signal
import time
from random import Random

import pytest

from tests.acceptance.conftest import Scene, run, wait_until

LATENCY = 0.15
"""Seconds that each answer takes, so that the moments fall between and into the calls."""
SPAN = 0.65
"""Seconds from the recorded intent to the end, roughly: three calls and a commit, on a busy machine."""
_DRAW = Random(20261122)
STARTING = tuple(_DRAW.uniform(0.2, 1.2) for _ in range(2))
"""Seconds after the process began: nothing is recorded yet, or just."""
SENDING = tuple(_DRAW.uniform(eighth * SPAN / 8, (eighth + 1) * SPAN / 8) for eighth in range(8))
"""Seconds after the intent was recorded."""
MOMENTS = [("start", moment) for moment in STARTING] + [("intent", moment) for moment in SENDING]


@pytest.mark.parametrize(
    ("since", "moment"), MOMENTS, ids=[f"{moment * 1000:.0f}ms-after-{since}" for since, moment in MOMENTS]
)
def test_after_kill_9_the_next_commands_say_which_document_is_held(scene: Scene, since: str, moment: float) -> None:
    scene.emulated.slow_down(LATENCY)
    with scene.begin() as process:
        if since == "intent":
            wait_until("the record of the intent", scene.attempts)
        time.sleep(moment)
        process.kill()
        process.communicate()
    # A put that had left before the kill may still be on its way.
    time.sleep(3 * LATENCY)
    scene.emulated.slow_down(0)

    held, record, sent = scene.held().digest, scene.attempts(), scene.emulated.puts()
    old, new = scene.plan.live.digest, scene.plan.wanted.digest
    assert held in (old, new)
    assert (held == new) == (sent == 1)

    status = json.loads(run("status", "--json", cwd=scene.folder).stdout)
    told = {
        (): ([], None),
        (None,): ([{"running": False, "fc_holds": "wanted" if held == new else "before"}], None),
        ("applied",): ([], "applied"),
    }[tuple(record)]
    unfinished = [{key: one[key] for key in ("running", "fc_holds")} for one in status["unfinished"]]
    assert (unfinished, status["last_outcome"] and status["last_outcome"]["kind"]) == told
    assert scene.attempts() == record, "status changes nothing"

    # What it sent has settled, and the next apply needn't wait for it.
    scene.age_attempts()
    again = run("apply", "plan.json", "--yes", "--wait", 0, "--json", cwd=scene.folder)
    assert again.returncode == 0
    assert json.loads(again.stdout)["kind"] == ("unchanged" if held == new else "applied")
    if record == [None]:
        first = "applied" if held == new else "failed"
        words = "was interrupted after it was applied" if held == new else "was interrupted and not applied"
        assert words in again.stderr
    else:
        first = record[0] if record else None
    assert scene.attempts() == [*filter(None, [first]), json.loads(again.stdout)["kind"]]
    assert scene.held().digest == new


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: signal.Signals(number).name)
@pytest.mark.parametrize("call", [1, 2, 3], ids=["reading", "sending", "reading back"])
def test_an_interrupted_apply_ends_its_row_with_what_is_true(scene: Scene, number: signal.Signals, call: int) -> None:
    latency = 0.5
    scene.emulated.slow_down(latency)
    with scene.begin() as process:
        wait_until("the record of the intent", scene.attempts)
        time.sleep((call - 0.5) * latency)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    time.sleep(2 * latency)
    scene.emulated.slow_down(0)

    new = scene.held().digest == scene.plan.wanted.digest
    assert (process.returncode, out) == (1, "")
    assert err.startswith("Error: Interrupted after ")
    assert err.endswith("What to do: `planner status` shows what Function Compute holds.\n")
    row = json.loads(run("history", "--json", cwd=scene.folder).stdout)[0]["outcome"]
    # Of a put that was on its way nobody can know; all else is said.
    assert row["kind"] == "failed"
    assert ("Nothing was sent" if call == 1 else "what FC made of it isn't known") in row["message"]
    assert not (new and call == 1)
