"""What each file holds, read back by a reader that isn't ours."""

from __future__ import annotations

import csv
import io
import json
import shlex
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from icalendar import Calendar

from planner.base import FunctionRef, utc
from planner.errors import InputError
from planner.exports import (
    FILES,
    export,
    markdown,
    plan_json,
    provision_config,
    scaling_config,
    schedule_csv,
    schedule_ics,
    serverless_devs,
)
from planner.plan import Plan
from planner.plancodec import plan_from_json
from planner.provision import ProvisionConfig, config_from_wire
from tests.builders import a_plan, a_tracker, an_action
from tests.exports import plans

ALL = [plans.a_tide, plans.dead_nights, plans.a_huge_peak, plans.an_unsafe, plans.in_new_york, plans.a_release, a_plan]
every_plan = pytest.mark.parametrize("plan", [make() for make in ALL], ids=[make.__name__ for make in ALL])


def words_of(plan: Plan) -> list[str]:
    """The command as a shell reads it: a backslash at the end of a line joins it with the next."""
    return shlex.split(serverless_devs.put_command(plan).replace("\\\n", ""))


@every_plan
def test_export_writes_every_file_and_leaves_no_draft(plan: Plan, tmp_path: Path) -> None:
    written = export(plan, tmp_path / "new" / "folder")
    assert tuple(path.name for path in written) == FILES
    assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} == set(FILES)


def test_a_folder_that_is_a_file_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(InputError, match="can't be written") as refused:
        export(a_plan(), tmp_path / "taken")
    assert "--export" in refused.value.remedy


@every_plan
def test_the_provision_config_is_the_wanted_document(plan: Plan) -> None:
    assert config_from_wire(json.loads(provision_config.render(plan))) == plan.wanted


@every_plan
def test_the_scaling_config_says_the_same_in_its_own_words(plan: Plan) -> None:
    body = json.loads(scaling_config.render(plan))
    assert set(body) == {"minInstances", "scheduledPolicies", "horizontalScalingPolicies"}
    back = {
        "defaultTarget": body["minInstances"],
        "scheduledActions": body["scheduledPolicies"],
        "targetTrackingPolicies": [
            policy | {"minCapacity": policy["minInstances"], "maxCapacity": policy["maxInstances"]}
            for policy in body["horizontalScalingPolicies"]
        ],
    }
    read = config_from_wire(back)
    assert read.scheduled_actions == plan.wanted.scheduled_actions
    assert read.tracking_policies == plan.wanted.tracking_policies
    assert read.default_target == plan.wanted.default_target
    assert not any(
        key in policy for policy in body["horizontalScalingPolicies"] for key in ("minCapacity", "maxCapacity")
    )


def test_what_the_scaling_config_lacks_lies_beside_it() -> None:
    plan = a_plan(wanted=ProvisionConfig(always_allocate_cpu=True, always_allocate_gpu=False))
    assert "`alwaysAllocateCPU: true` and `alwaysAllocateGPU: false`" in scaling_config.note(plan)


@every_plan
def test_the_fragment_carries_the_whole_document(plan: Plan) -> None:
    read = yaml.safe_load(serverless_devs.render(plan))
    resource = read["resources"][plan.function.name]
    config = resource["props"]["provisionConfig"]
    assert (read["edition"], resource["component"]) == ("3.0.0", "fc3")
    assert (config.pop("qualifier"), config.pop("mode")) == (plan.function.qualifier, "async")
    assert config == json.loads(json.dumps(plan.wanted.wire()))


@every_plan
def test_the_command_carries_the_whole_document_through_a_shell(plan: Plan) -> None:
    words = words_of(plan)
    flags = {word: following for word, following in zip(words, [*words[1:], ""], strict=True) if word.startswith("--")}
    assert words[:3] == ["s", "provision", "put"]
    assert flags["--qualifier"] == plan.function.qualifier
    body = {
        "defaultTarget": flags["--default-target"],
        "alwaysAllocateCPU": "--ac" in flags,
        "alwaysAllocateGPU": "--ag" in flags,
        "scheduledActions": json.loads(flags["--scheduled-actions"]),
        "targetTrackingPolicies": json.loads(flags["--target-tracking-policies"]),
    }
    assert config_from_wire(body) == plan.wanted


def test_the_command_in_the_head_of_the_fragment_is_the_same_command() -> None:
    plan = plans.a_tide()
    line = next(line for line in serverless_devs.render(plan).splitlines() if "s provision put" in line)
    assert shlex.split(line.removeprefix("#")) == words_of(plan)


def test_a_default_of_zero_also_gives_the_target_since_the_command_refuses_a_lone_zero() -> None:
    assert "--default-target 0 \\\n  --target 0" in serverless_devs.put_command(a_plan(wanted=ProvisionConfig()))


def test_a_name_with_quotes_survives_the_shell_and_the_fragment() -> None:
    wanted = ProvisionConfig(
        scheduled_actions=(an_action(name='it\'s "$HOME" | #1'),), tracking_policies=(a_tracker(),)
    )
    plan = a_plan(wanted=wanted, function=FunctionRef(name="f", qualifier="a b"))
    words = words_of(plan)
    assert json.loads(words[words.index("--scheduled-actions") + 1])[0]["name"] == 'it\'s "$HOME" | #1'
    assert words[words.index("--qualifier") + 1] == "a b"
    assert yaml.safe_load(serverless_devs.render(plan))["resources"]["f"]


@every_plan
def test_the_table_has_a_row_for_every_step(plan: Plan) -> None:
    rows = list(csv.DictReader(io.StringIO(schedule_csv.render(plan))))
    for part, schedule in (("rolling", plan.schedule), ("recurring", plan.recurring)):
        mine = [row for row in rows if row["part"] == part]
        read = [(utc(datetime.fromisoformat(row["start_utc"])), int(row["instances"]), row["reason"]) for row in mine]
        assert read == [(step.at, step.instances, step.reason) for step in schedule.steps]
        assert [utc(datetime.fromisoformat(row["start_local"])) for row in mine] == [step.at for step in schedule.steps]
    assert len(rows) == len(plan.schedule.steps) + len(plan.recurring.steps)


@every_plan
def test_the_calendar_has_an_event_for_every_step_without_gaps(plan: Plan) -> None:
    events: Any = Calendar.from_ical(schedule_ics.render(plan)).walk("VEVENT")
    steps = (*plan.schedule.steps, *plan.recurring.steps)
    assert [event["DTSTART"].dt for event in events] == [step.at for step in steps]
    assert len({str(event["UID"]) for event in events}) == len(steps)
    if not events:
        assert plan.evidence is None
        return
    for event, following in pairwise(events):
        assert event["DTEND"].dt == following["DTSTART"].dt
    assert {event["DTSTAMP"].dt for event in events} == {plan.created_at}
    assert str(events[0]["SUMMARY"]).startswith(f"{plan.function.name}: {steps[0].instances} instance")


def test_a_renewal_keeps_the_uid_of_a_step_at_the_same_instant() -> None:
    plan = plans.a_tide()
    renewed = plans.a_tide(created_at=plan.created_at + timedelta(minutes=5))
    first, second = (
        [str(event["UID"]) for event in Calendar.from_ical(schedule_ics.render(each)).walk("VEVENT")]
        for each in (plan, renewed)
    )
    assert first == second


@every_plan
def test_the_plan_file_reads_back_as_the_plan(plan: Plan) -> None:
    assert plan_from_json(plan_json.render(plan), source="plan.json") == plan


def test_an_unsafe_plan_says_every_breach_and_its_remedy() -> None:
    plan = plans.an_unsafe()
    text = markdown.render(plan)
    assert "**UNSAFE: 3 breaches**" in text
    for breach in plan.breaches:
        assert breach.detail.replace("|", "\\|") in text
        assert breach.remedy in text
    assert "Could not be read: the live document" in text


def test_a_plan_without_changes_or_fallback_still_reads_well() -> None:
    plan = plans.a_tide(changes=())
    assert "None: the live document is the wanted one." in markdown.render(plan)


@every_plan
def test_the_merge_request_text_has_well_formed_tables(plan: Plan) -> None:
    tables = [line for line in markdown.render(plan).splitlines() if line.startswith("| ")]
    assert tables
    for line in tables:
        assert line.endswith(" |")


def test_the_merge_request_text_folds_what_is_long() -> None:
    text = markdown.render(plans.a_tide())
    assert "further changes</summary>" in text
    assert f"later steps in {schedule_csv.NAME}" in text
    assert "planner apply plan.json" in text
    assert serverless_devs.put_command(plans.a_tide()) in text
