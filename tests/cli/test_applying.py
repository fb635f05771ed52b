"""apply, rollback and release: what is sent, what is recorded, and the code at the end."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from planner.base import FunctionRef, floor_minute
from planner.cli.main import main
from planner.clock import SystemClock
from planner.emulator import Fault, Running
from planner.fc.sdk import Connection, connect
from planner.plancodec import plan_from_json, plan_to_json
from planner.provision import MetricType, ProvisionConfig, ScheduledAction, TrackingPolicy
from planner.store import Store
from tests.builders import a_plan
from tests.cli.conftest import FUNCTION, NAME, Planner, recent_history, write_config

REF = FunctionRef(name=NAME)
TEAM = TrackingPolicy(
    name="team-memory", metric_type=MetricType.GPU_MEMORY, metric_target=0.9, min_capacity=1, max_capacity=9
)
BY_HAND = ProvisionConfig(
    default_target=4, always_allocate_cpu=False, always_allocate_gpu=False, tracking_policies=(TEAM,)
)
NIGHT = ScheduledAction(name="night", schedule_expression="cron(0 0 22 * * *)", target=2, time_zone="Asia/Shanghai")
AGAIN = BY_HAND.wire() | {"defaultTarget": 7}


def put(fc: Running, document: ProvisionConfig) -> None:
    """What somebody sets in the console."""
    connect(Connection(endpoint=fc.url), clock=SystemClock()).put_provision_config(REF, document)
    fc.emulator.journal.clear()


def held(fc: Running) -> ProvisionConfig:
    """What Function Compute holds."""
    return connect(Connection(endpoint=fc.url), clock=SystemClock()).get_provision_config(REF).config


def puts(fc: Running) -> int:
    return len(fc.emulator.journal.entries("PutProvisionConfig"))


@pytest.fixture
def found(fc: Running, site: Path) -> Path:
    """The folder, after somebody set a document by hand."""
    put(fc, BY_HAND)
    return site


def make_unsafe(folder: Path) -> None:
    """A history whose end is long ago: the plan is unsafe."""
    config = folder / "planner.yaml"
    config.write_text(
        config.read_text(encoding="utf-8").replace("max_cost_ratio", "history_max_age: 1m, max_cost_ratio"),
        encoding="utf-8",
    )
    lines = recent_history().splitlines(keepends=True)
    (folder / "history.csv").write_text("".join(lines[:-12]), encoding="utf-8")


class TestApply:
    def test_a_plan_is_applied_followed_and_recorded(self, planner: Planner, found: Path, fc: Running) -> None:
        assert planner("plan").code == 0

        ran = planner("apply", 1, "--yes")

        assert (ran.code, ran.out, puts(fc)) == (0, "", 1)
        assert ran.err.startswith("FC holds the wanted document. Instances: ")
        with Store.open(f"sqlite:///{found / 'planner.db'}", migrate=False) as store:
            assert held(fc).digest == store.plan(1).wanted.digest

    def test_the_same_plan_again_is_unchanged_and_sends_nothing(
        self, planner: Planner, found: Path, fc: Running
    ) -> None:
        planner("plan")
        planner("apply", 1, "--yes")
        fc.emulator.journal.clear()

        ran = planner("apply", 1, "--yes", "--json")

        assert (ran.code, ran.json["kind"], puts(fc), ran.err) == (0, "unchanged", 0, "")

    def test_an_exported_plan_file_is_applied_without_being_stored_before(
        self, planner: Planner, found: Path, fc: Running
    ) -> None:
        planner("plan", "--dry-run", "--export", "out")

        assert planner("apply", "out/plan.json", "--yes").code == 0
        assert [row["kind"] for row in planner("history", "--json").json] == ["apply", "plan"]

    def test_a_person_may_apply_in_a_freeze_and_it_is_recorded(
        self, planner: Planner, found: Path, fc: Running
    ) -> None:
        frozen = "  daemon: {freeze: [{from: 2020-01-01, to: 2099-12-31, why: a sale}]}\n"
        write_config(found, fc.endpoint, extra=frozen)
        assert planner("plan").code == 0

        ran = planner("apply", 1, "--yes")

        assert (ran.code, puts(fc)) == (0, 1)
        assert (
            "The daemon would push nothing now: frozen until 2099-12-31T16:00:00Z: a sale. You may, and it" in ran.err
        )
        apply, override, plan = planner("history", "--json").json
        assert (apply["kind"], override["event"], plan["kind"]) == ("apply", "freeze_overridden", "plan")
        assert override["why"].endswith(" though frozen until 2099-12-31T16:00:00Z: a sale")
        assert "freeze overridden" in planner("history").out
        assert "change window  frozen until 2099-12-31T16:00:00Z: a sale; nothing is pushed" in planner("status").out

    def test_a_plan_names_its_function_where_several_are_planned(
        self, planner: Planner, found: Path, fc: Running
    ) -> None:
        with (found / "planner.yaml").open("a", encoding="utf-8") as config:
            config.write("- name: tts-gpu\n")
        planner("plan", "--function", NAME)

        assert planner("apply", 1, "--yes").code == 0
        assert planner("diff", 1).code == 0

    def test_a_document_that_changed_meanwhile_is_stale_exit_code_4(
        self, planner: Planner, found: Path, fc: Running
    ) -> None:
        planner("plan")
        put(fc, replace(BY_HAND, default_target=7))

        ran = planner("apply", 1, "--yes", "--json")

        assert (ran.code, ran.json["kind"], puts(fc)) == (4, "stale", 0)
        assert "defaultTarget 7 instead of 4" in ran.err
        assert ran.err.endswith("What to do: Plan again: `planner plan`.\n")

    def test_a_plan_for_later_is_not_applied_now(self, planner: Planner, found: Path, fc: Running) -> None:
        later = datetime.now(UTC) + timedelta(hours=5)
        planner("plan", "--dry-run", "--now", f"{later:%Y-%m-%dT%H:%M:%SZ}", "--export", "out")

        ran = planner("apply", "out/plan.json", "--yes", "--force")

        assert (ran.code, puts(fc)) == (4, 0)
        assert "which has not come yet; nothing was sent." in ran.err

    def test_a_plan_made_without_a_function_compute_is_not_applied_to_one(
        self, planner: Planner, found: Path, fc: Running
    ) -> None:
        write_config(found, None)
        planner("plan", "--dry-run", "--export", "out")
        write_config(found, fc.endpoint)

        ran = planner("apply", "out/plan.json", "--yes", "--force")

        assert (ran.code, puts(fc)) == (4, 0)
        assert f"made against no Function Compute, planner.yaml names {fc.endpoint}; nothing was sent." in ran.err

    def test_a_plan_that_is_too_old_is_stale(self, planner: Planner, found: Path, fc: Running) -> None:
        now = floor_minute(datetime.now(UTC)) - timedelta(hours=1)
        (found / "old.json").write_text(plan_to_json(a_plan(now, function=REF, endpoint=fc.endpoint)), encoding="utf-8")

        ran = planner("apply", "old.json", "--yes")

        assert (ran.code, puts(fc)) == (4, 0)
        assert "The plan is too old; nothing was sent." in ran.err

    def test_a_refusal_of_function_compute_is_exit_code_5(self, planner: Planner, found: Path, fc: Running) -> None:
        planner("plan")
        fc.emulator.faults.add(Fault(action="PutProvisionConfig", status=403, code="AccessDenied"))

        ran = planner("apply", 1, "--yes", "--json")

        assert (ran.code, ran.json["kind"], held(fc)) == (5, "refused", BY_HAND)
        assert "What to do: Allow the RAM action fc:PutProvisionConfig (resource *) to it.\n" in ran.err

    def test_instances_that_can_not_start_are_exit_code_5_with_the_reason(
        self, planner: Planner, found: Path, fc: Running
    ) -> None:
        planner("plan")
        fc.emulator.put_function(replace(FUNCTION, image_pull_error="no such image"))

        ran = planner("apply", 1, "--yes", "--json")

        assert (ran.code, ran.json["arrival"]) == (5, "blocked")
        assert "The document is in place and FC goes on trying" in ran.err

    def test_on_a_terminal_it_asks_and_no_means_no(
        self,
        planner: Planner,
        found: Path,
        fc: Running,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        planner("plan")
        terminal = io.StringIO("n\n")
        monkeypatch.setattr(terminal, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stdin", terminal)
        monkeypatch.setattr(sys, "argv", ["planner", "apply", "1"])

        with pytest.raises(SystemExit) as ended:
            main()

        said = capsys.readouterr()
        assert (ended.value.code, said.out.strip(), puts(fc)) == (1, "", 0)
        assert "changes to asr-gpu:LATEST? [y/N]" in said.err


class TestUnsafe:
    def test_an_unsafe_plan_is_exported_and_stored_and_then_exit_code_3(
        self, planner: Planner, found: Path, fc: Running
    ) -> None:
        make_unsafe(found)

        ran = planner("plan", "--export", "out", "--json")

        assert (ran.code, ran.json["safe"], ran.json["id"]) == (3, False, 1)
        assert [breach["rule"] for breach in ran.json["breaches"]] == ["history_stale"]
        assert (
            plan_from_json((found / "out/plan.json").read_text(encoding="utf-8"), source="").digest
            == ran.json["digest"]
        )
        assert len(ran.json["files"]) == len(list((found / "out").iterdir()))
        assert ran.err.startswith(
            "Error: The plan for asr-gpu:LATEST is unsafe, so `planner apply` refuses it.\n  - history_stale: "
        )

    def test_apply_refuses_it_and_says_so_in_the_audit(self, planner: Planner, found: Path, fc: Running) -> None:
        make_unsafe(found)
        planner("plan")

        ran = planner("apply", 1, "--yes", "--json")

        assert (ran.code, ran.json["kind"], puts(fc), held(fc)) == (3, "refused", 0, BY_HAND)
        assert "history_stale" in ran.err
        assert [row.get("outcome", {}).get("kind") for row in planner("history", "--json").json] == ["refused", None]

    def test_force_applies_it_and_the_audit_says_so(self, planner: Planner, found: Path, fc: Running) -> None:
        make_unsafe(found)
        planner("plan")

        assert planner("apply", 1, "--yes", "--force").code == 0
        assert planner("history", "--json").json[0]["forced"] is True
        assert "apply of plan 1, FORCED: applied" in planner("history").out

    def test_detailed_exit_code_yields_to_3(self, planner: Planner, found: Path) -> None:
        make_unsafe(found)

        assert planner("plan", "--detailed-exitcode").code == 3


class TestRelease:
    def test_the_default_and_always_allocate_found_at_adoption_come_back(
        self, planner: Planner, found: Path, fc: Running
    ) -> None:
        planner("plan")
        planner("apply", 1, "--yes")
        assert held(fc) != BY_HAND

        ran = planner("release", NAME, "--yes")

        assert (ran.code, held(fc)) == (0, BY_HAND)
        assert ran.err.splitlines()[-1].startswith("Released asr-gpu:LATEST: removed ")
        assert ran.err.endswith("policies, default target 4, alwaysAllocateCPU off, alwaysAllocateGPU off.\n")
        assert "released: the planner wants nothing here" in planner("status").out
        assert planner("status", "--json").json["released"] is True

    def test_after_it_the_next_adoption_is_a_first_one(self, planner: Planner, found: Path, fc: Running) -> None:
        planner("plan")
        planner("apply", 1, "--yes")
        planner("release", NAME, "--yes")
        put(fc, replace(BY_HAND, default_target=7))
        planner("apply", planner("plan", "--json").json["id"], "--yes")

        assert planner("release", NAME, "--yes").code == 0

        assert held(fc).wire() == AGAIN

    def test_an_adoption_that_came_to_nothing_does_not_count(self, planner: Planner, found: Path, fc: Running) -> None:
        planner("plan")
        put(fc, replace(BY_HAND, default_target=7))
        assert planner("apply", 1, "--yes").code == 4
        assert planner("apply", planner("plan", "--json").json["id"], "--yes").code == 0

        assert planner("release", NAME, "--yes").code == 0

        assert held(fc).wire() == AGAIN

    def test_a_release_that_failed_can_be_done_again(self, planner: Planner, found: Path, fc: Running) -> None:
        planner("plan")
        planner("apply", 1, "--yes")
        fc.emulator.faults.add(Fault(action="PutProvisionConfig", status=403, code="AccessDenied"))
        assert planner("release", NAME, "--yes").code == 5

        assert planner("release", NAME, "--yes").code == 0

        assert held(fc) == BY_HAND
        again = planner("release", NAME, "--yes")
        assert (again.code, again.err[:44]) == (2, "Error: asr-gpu:LATEST is not adopted: nothin")

    def test_a_release_whose_instances_do_not_come_in_time_is_a_release_all_the_same(
        self, planner: Planner, found: Path, fc: Running
    ) -> None:
        planner("plan")
        planner("apply", 1, "--yes")
        fc.emulator.put_function(replace(FUNCTION, image_pull_error="no such image"))

        ran = planner("release", NAME, "--yes", "--wait", 1)

        assert (ran.code, held(fc)) == (0, BY_HAND)
        assert planner("release", NAME, "--yes").code == 2

    def test_without_the_record_the_default_that_we_set_is_not_taken_for_what_was_found(
        self, planner: Planner, found: Path, fc: Running
    ) -> None:
        planner("plan")
        planner("apply", 1, "--yes")
        for file in found.glob("planner.db*"):
            file.unlink()
        planner("plan")

        assert "a release will need --default N" in planner("apply", 1, "--yes").err
        assert "a release will need --default N" not in planner("apply", 1, "--yes").err
        refused = planner("release", NAME, "--yes")

        assert refused.code == 2
        assert refused.err.startswith("Error: What asr-gpu:LATEST had before the planner isn't known in ")
        assert planner("release", NAME, "--default", 4, "--yes").code == 0
        assert held(fc) == BY_HAND

    def test_to_zero_removes_what_everybody_made(self, planner: Planner, found: Path, fc: Running) -> None:
        assert planner("release", NAME, "--to-zero", "--yes").code == 0

        assert held(fc) == replace(BY_HAND, default_target=0, tracking_policies=())
        assert planner("release", NAME, "--yes").code == 2


class TestRollback:
    def test_it_goes_back_to_the_plan_applied_before_the_last(self, planner: Planner, found: Path, fc: Running) -> None:
        first, second = _two_plans(planner, found)

        ran = planner("rollback", "--yes", "--json")

        assert (ran.code, ran.json["kind"]) == (0, "applied")
        assert _floor(fc) == first != second
        assert planner("history", "--json").json[1]["why"].count("as in the plan of") == 1

    def test_an_apply_that_changed_nothing_does_not_count(self, planner: Planner, found: Path, fc: Running) -> None:
        first, second = _two_plans(planner, found)
        with Store.open(f"sqlite:///{found / 'planner.db'}", migrate=False) as store:
            same = replace(store.plan(2), notes=("the same document",))
        (found / "same.json").write_text(plan_to_json(same), encoding="utf-8")
        assert planner("apply", "same.json", "--yes", "--json").json["kind"] == "unchanged"

        assert planner("rollback", "--yes").code == 0

        assert _floor(fc) == first != second

    def test_it_goes_to_the_plan_that_is_named(self, planner: Planner, found: Path, fc: Running) -> None:
        first, _ = _two_plans(planner, found)

        assert planner("rollback", "--to", 1, "--yes").code == 0

        assert _floor(fc) == first

    def test_it_is_replayed_and_not_below_what_the_last_hour_needed(
        self, planner: Planner, found: Path, fc: Running
    ) -> None:
        first, _ = _two_plans(planner, found)
        (found / "history.csv").write_text(recent_history(hours=30, value=30.0), encoding="utf-8")

        assert planner("rollback", "--yes").code == 0

        with Store.open(f"sqlite:///{found / 'planner.db'}", migrate=False) as store:
            (newest, *_) = store.plans(None, limit=1)
            plan = store.plan(newest.id)
        assert plan.schedule.per_minute()[0] > first
        assert "no lower within the next hour than the " in " ".join(plan.notes)
        assert plan.estimate is not None
        assert 0 <= plan.estimate.wanted.cold_share < 1

    def test_without_a_history_it_goes_back_all_the_same_and_says_so(
        self, planner: Planner, found: Path, fc: Running
    ) -> None:
        first, _ = _two_plans(planner, found)
        (found / "history.csv").unlink()

        assert planner("rollback", "--yes").code == 0

        assert _floor(fc) == first
        with Store.open(f"sqlite:///{found / 'planner.db'}", migrate=False) as store:
            plan = store.plan(store.plans(None, limit=1)[0].id)
        assert plan.notes[0].startswith("not floored by the last hour's peak, which isn't known: ")

    @pytest.mark.parametrize("mode", ["observe", "auto"])
    def test_where_a_daemon_acts_it_is_paused(self, planner: Planner, found: Path, fc: Running, mode: str) -> None:
        _two_plans(planner, found)
        write_config(found, fc.endpoint, extra=f"  daemon: {{mode: {mode}}}\n")

        ran = planner("rollback", "--yes")

        assert ran.code == 0
        paused = "`planner resume asr-gpu:LATEST` ends that" in ran.err
        assert paused == (mode == "auto")
        resumed = planner("resume", NAME)
        assert resumed.code == (0 if mode == "auto" else 2)

    def test_what_comes_to_nothing_pauses_nothing(self, planner: Planner, found: Path, fc: Running) -> None:
        _two_plans(planner, found)
        write_config(found, fc.endpoint, extra="  daemon: {mode: auto}\n")
        planner("pause", NAME, "--for", "2h", "--why", "a sale")
        fc.emulator.faults.add(Fault(action="PutProvisionConfig", status=403, code="AccessDenied"))

        ran = planner("rollback", "--yes")

        assert ran.code == 5
        assert "ends that" not in ran.err
        assert planner("status", "--json").json["daemon"]["pause"]["why"] == "a sale"

    def test_a_release_is_no_plan_to_go_back_to(self, planner: Planner, found: Path, fc: Running) -> None:
        planner("plan")
        planner("apply", 1, "--yes")
        planner("release", NAME, "--yes")

        refused = planner("rollback", "--to", 2, "--yes")

        assert (refused.code, refused.err.splitlines()[0]) == (
            2,
            "Error: Plan 2 is a release: it has no schedule to go back to",
        )
        assert planner("rollback", "--yes").code == 0
        assert any(action.ours for action in held(fc).scheduled_actions)


def _two_plans(planner: Planner, folder: Path) -> tuple[int, int]:
    """Apply two plans of different height; the largest step of each."""
    heights = []
    for number, value in ((1, 10.0), (2, 16.0)):
        (folder / "history.csv").write_text(recent_history(value=value), encoding="utf-8")
        made = planner("plan", "--json").json
        heights.append(max(step["instances"] for step in made["schedule"]["steps"]))
        assert planner("apply", number, "--yes").code == 0
    (folder / "history.csv").write_text(recent_history(value=1.0), encoding="utf-8")
    return heights[0], heights[1]


def _floor(fc: Running) -> int:
    return max(action.target for action in held(fc).scheduled_actions if "step" in action.name)


def test_json_is_the_only_data_even_when_a_terminal_would_be_asked(planner: Planner, found: Path) -> None:
    planner("plan")

    assert json.loads(planner("apply", 1, "--yes", "--json").out)["kind"] == "applied"


def test_an_action_of_somebody_else_makes_the_plan_unsafe_until_it_is_adopted_and_a_release_brings_it_back(
    planner: Planner, found: Path, fc: Running
) -> None:
    put(
        fc,
        replace(
            BY_HAND,
            scheduled_actions=(NIGHT,),
        ),
    )

    assert planner("plan").code == 3
    adopted = planner("plan", "--adopt", "--json")
    assert adopted.code == 0
    assert planner("apply", adopted.json["id"], "--yes").code == 0
    assert "night" not in {action.name for action in held(fc).scheduled_actions}
    # And one that somebody makes while we are there.
    put(fc, replace(held(fc), scheduled_actions=(*held(fc).scheduled_actions, replace(NIGHT, name="sale"))))
    assert planner("plan").code == 3
    assert planner("apply", planner("plan", "--adopt", "--json").json["id"], "--yes").code == 0
    assert {"night", "sale"}.isdisjoint(action.name for action in held(fc).scheduled_actions)
    ran = planner("release", NAME, "--yes")
    assert ran.code == 0
    assert held(fc) == replace(BY_HAND, scheduled_actions=(NIGHT, replace(NIGHT, name="sale")))
    assert ran.err.endswith("; back: 'night', 'sale'.\n")
