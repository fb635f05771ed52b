"""Bad input of every kind, and what is said about it. `{dir}` is the folder of the test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

GIVE_A_FILE = "Give a CSV (.csv, .csv.gz) or Parquet (.parquet) file with the columns `timestamp` and `value`."
WRITE_NUMBERS = (
    "Write offered concurrency as a plain number >= 0 such as 12.5; leave the cell empty where none is known."
)
CORRECT = "Correct the lines named"
ADD_A_ZONE = "Add Z or an offset such as +08:00."
ANOTHER_SPAN = "Write 24h, or another span within a week."
PLAN_AGAIN = "Make a new plan with `planner plan`; an exported plan is not for editing."
SEE_EMULATOR = "See docs/emulator.md for the file."
REAL = "plan --dry-run --now 2026-11-22T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """A command, the files that it meets, its exit code and its whole talk."""

    run: str
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    code: int = 2
    message: str
    faults: tuple[str, ...] = ()
    remedy: str


def _history(*rows: str, header: str = "timestamp,value") -> dict[str, str | bytes]:
    return {"history.csv": "\n".join((header, *rows)) + "\n"}


def _minutes(*values: object, day: str = "2026-11-21", zone: str = "Z") -> tuple[str, ...]:
    """One row every five minutes from midnight on."""
    return tuple(f"{day}T{i // 12:02d}:{i % 12 * 5:02d}:00{zone},{value}" for i, value in enumerate(values))


GOOD = _minutes(*range(1, 25))


def _config(text: str) -> dict[str, str | bytes]:
    return {"planner.yaml": text}


HISTORY = {
    "a history that is missing": Bad(
        run="plan --history nowhere.csv", message="nowhere.csv: no such file", remedy=GIVE_A_FILE
    ),
    "a history that is a folder": Bad(run="plan --history .", message=".: is a directory", remedy=GIVE_A_FILE),
    "a history without rows": Bad(
        run=REAL,
        files=_history(),
        message="history.csv: no rows",
        remedy="Give a history with one row for each interval.",
    ),
    "an empty history": Bad(run=REAL, files={"history.csv": ""}, message="history.csv: is empty", remedy=GIVE_A_FILE),
    "wrong columns": Bad(
        run=REAL,
        files=_history("2026-11-21T00:00:00Z,1", header="time,requests"),
        message="history.csv: the column `timestamp` is missing; there are 'time', 'requests'",
        remedy=GIVE_A_FILE,
    ),
    "a timestamp that can't be read": Bad(
        run=REAL,
        files=_history(*GOOD[:3], "yesterday,4", *GOOD[4:]),
        message="history.csv, row 5: the timestamp 'yesterday' can't be read",
        remedy="Write ISO-8601 with Z or an offset, such as 2026-03-01T08:00:00Z or 2026-03-01T16:00:00+08:00.",
    ),
    "timestamps without an offset": Bad(
        run=REAL,
        files=_history(*_minutes(1, 2, 3, 4, zone="")),
        message="history.csv, row 2: the timestamp '2026-11-21 00:00:00' has no offset and no time zone is configured",
        remedy="Write timestamps with Z or an offset, or configure the time zone of the history.",
    ),
    "a negative value": Bad(
        run=REAL,
        files=_history(*_minutes(1, 2, -3, 4)),
        message="history.csv, row 4: the value '-3' is negative",
        remedy=WRITE_NUMBERS,
    ),
    "a text for a value": Bad(
        run=REAL,
        files=_history(*_minutes(1, 2, "many", 4)),
        message="history.csv, row 4: the value 'many' is no number",
        remedy=WRITE_NUMBERS,
    ),
    "an infinite value": Bad(
        run=REAL,
        files=_history(*_minutes(1, 2, "inf", 4)),
        message="history.csv, row 4: the value 'inf' is not finite",
        remedy=WRITE_NUMBERS,
    ),
    "a shuffled history": Bad(
        run=REAL,
        files=_history(*GOOD[::-1][::2], *GOOD[::2], *GOOD[1::2][::-1]),
        message="history.csv, row 3: 23 of 36 rows are earlier than the row above them, first here",
        remedy="Check that `timestamp` is the right column, or sort the file by it.",
    ),
    "an irregular step": Bad(
        run=REAL,
        files=_history(
            *(
                f"2026-11-21T{h:02d}:{m:02d}:{s:02d}Z,1"
                for h, m, s in ((0, 0, 0), (0, 7, 13), (1, 1, 1), (5, 2, 47), (9, 33, 8))
            )
        ),
        message=(
            "history.csv, row 3: the step can't be inferred, first here; the most common gaps between "
            "rows are 0:07:13 (1 times) and 0:53:48 (1 times)"
        ),
        remedy="Export the series at one fixed step between one second and one day.",
    ),
    "two functions in one history": Bad(
        run=REAL,
        files=_history(*(row for pair in zip(GOOD, _minutes(*range(90, 114)), strict=True) for row in pair)),
        message="history.csv, row 2: 24 of 24 intervals have several values that differ, first here",
        remedy="Give the series of one function only, one row for each interval.",
    ),
    "a history that is too short": Bad(
        run=REAL,
        files=_history(*_minutes(1, 2, 3)),
        message="history.csv: the history spans 0.01 days, the configured minimum is 0.02 days",
        remedy="Give a longer history, or lower the minimum.",
    ),
    "a history that is no CSV": Bad(
        run=REAL,
        files={"history.csv": b"\x89PNG\r\n\x1a\n\x00\xff\xfe"},
        message="history.csv: is not UTF-8 text",
        remedy="Save the file as UTF-8.",
    ),
    "a row with too many cells": Bad(
        run=REAL,
        files=_history(*GOOD[:3], "2026-11-21T00:15:00Z,1,2,3"),
        message=(
            "history.csv: is no CSV file: CSV parse error: Row #5: Expected 2 columns, got 4: "
            "2026-11-21T00:15:00Z,1,2,3"
        ),
        remedy=GIVE_A_FILE,
    ),
    "a Parquet file that is none": Bad(
        run="plan --dry-run --history history.parquet",
        files={"history.parquet": "PAR?"},
        message=(
            "history.parquet: is no Parquet file: Parquet file size is 4 bytes, smaller than the minimum "
            "file footer (8 bytes)"
        ),
        remedy=GIVE_A_FILE,
    ),
    "a history of the future only": Bad(
        run="plan --dry-run --now 2026-11-20T00:00:00Z",
        files=_history(*GOOD),
        message=("history.csv: nothing of the history was known at 2026-11-20T00:00:00Z"),
        remedy="Choose a later time, or a history that starts earlier.",
    ),
}

CONFIG = {
    "no configuration": Bad(
        run="plan --config other.yaml",
        message="other.yaml does not exist",
        remedy="Name the file with --config, or write one with `planner init`",
    ),
    "broken YAML": Bad(
        run="plan",
        files=_config("version: 1\nfunctions:\n  - name: [asr\n"),
        message="planner.yaml has 1 fault",
        faults=(
            (
                "planner.yaml:4:1: not YAML: expected ',' or ']', but got '<stream end>'; check the "
                "quotes, brackets and indentation here"
            ),
        ),
        remedy=CORRECT,
    ),
    "an unknown key": Bad(
        run="status",
        files=_config("version: 1\nfunctions:\n- name: asr-gpu\n  capcity: {lead: 60s}\n"),
        message="planner.yaml has 1 fault",
        faults=("planner.yaml:4: functions[0].capcity: is not a key here; did you mean capacity?",),
        remedy=CORRECT,
    ),
    "a value of a wrong type": Bad(
        run="plan",
        files=_config("version: 1\nfunctions:\n- name: asr-gpu\n  capacity: {max_instances: many}\n"),
        message="planner.yaml has 1 fault",
        faults=("planner.yaml:4: functions[0].capacity.max_instances: 'many' is not a whole number; write 1 to 10000",),
        remedy=CORRECT,
    ),
    "a secret in the file": Bad(
        run="plan",
        files=_config("version: 1\naccess_key_secret: hunter2hunter2\nfunctions:\n- name: asr-gpu\n"),
        message="planner.yaml has 1 fault",
        faults=(
            (
                "planner.yaml:2: access_key_secret: secrets don't belong in the file; remove it, and "
                "replace it if the file was shared; credentials come from the default credential chain "
                "(environment ALIBABA_CLOUD_ACCESS_KEY_ID and ..._SECRET, ~/.aliyun/config.json, or a "
                "RAM role)"
            ),
        ),
        remedy=CORRECT,
    ),
    "an unknown time zone": Bad(
        run="history",
        files=_config("version: 1\nfunctions:\n- name: asr-gpu\n  time_zone: Asia/Shangai\n"),
        message="planner.yaml has 1 fault",
        faults=(
            "planner.yaml:4: functions[0].time_zone: 'Asia/Shangai' is not a time zone; did you mean Asia/Shanghai?",
        ),
        remedy=CORRECT,
    ),
    "several faults at once": Bad(
        run="config check",
        files=_config("version: 1\nfunctions:\n- name: asr-gpu\n  capacity: {lead: soon, dwell: -1}\n"),
        message="planner.yaml has 2 faults",
        faults=(
            "planner.yaml:4: functions[0].capacity.lead: 'soon' is not a duration; write 90s, 15m, 6h or 2d",
            "planner.yaml:4: functions[0].capacity.dwell: -1 is not a duration; write 90s, 15m, 6h or 2d",
        ),
        remedy=CORRECT,
    ),
    "two aliases of one function": Bad(
        run="plan",
        files=_config(
            "version: 1\nfunctions:\n- {name: asr-gpu, qualifier: prod}\n- {name: asr-gpu, qualifier: canary}\n"
        ),
        message="planner.yaml has 1 fault",
        faults=(
            (
                "planner.yaml:4: functions[1].name: 'asr-gpu' is planned for prod in functions[0] "
                "already; metrics are per function, so the load can't be split between two aliases: keep "
                "one"
            ),
        ),
        remedy=CORRECT,
    ),
    "several functions and none named": Bad(
        run="plan",
        files=_config("version: 1\nfunctions:\n- name: asr-gpu\n- name: tts-gpu\n"),
        message="planner.yaml has 2 functions",
        remedy="Name one with --function: asr-gpu:LATEST, tts-gpu:LATEST",
    ),
    "a history that isn't configured": Bad(
        run="plan",
        files=_config("version: 1\nfunctions:\n- name: asr-gpu\n"),
        message="asr-gpu:LATEST has no history configured",
        remedy="Give --history FILE or set history.file.",
    ),
    "no Function Compute to ask": Bad(
        run="rollback --to 1 --yes",
        files=_config("version: 1\nfunctions:\n- name: asr-gpu\n"),
        message="There is no plan 1 in {dir}/planner.db.",
        remedy="`planner history` lists them.",
    ),
    "no Function Compute to compare with": Bad(
        run="release asr-gpu --to-zero --yes",
        files=_config("version: 1\nfunctions:\n- name: asr-gpu\n"),
        message="planner.yaml names no Function Compute",
        remedy="Set fc.region (the endpoint is then fcv3.<region>.aliyuncs.com) or fc.endpoint.",
    ),
    "a database that is none": Bad(
        run="status",
        code=1,
        files={"planner.db": "this is a letter, not a database; it is long enough to be read as one"},
        message="The database {dir}/planner.db is a file, but no SQLite database: file is not a database",
        remedy="Configure another file; this one was left as it is.",
    ),
}

ARGUMENTS = {
    "an instant that is none": Bad(
        run="plan --now tomorrow", message="--now 'tomorrow' is no instant", remedy="Write 2026-11-22T00:00:00Z."
    ),
    "an instant without a zone": Bad(
        run="plan --now 2026-11-22T00:00:00", message="--now '2026-11-22T00:00:00' has no zone", remedy=ADD_A_ZONE
    ),
    "a present that has not come": Bad(
        run="plan --now 2999-01-01T00:00:00Z",
        message="--now 2999-01-01T00:00:00Z has not come yet, and a stored plan could be applied: too early",
        remedy="Add --dry-run to look at it, or leave --now out.",
    ),
    "a horizon that is none": Bad(
        run="plan --horizon long", message="--horizon 'long' is no duration", remedy="Write 90m, 24h or 2d."
    ),
    "a horizon that is too long": Bad(
        run="plan --horizon 9d", message="--horizon 9d is outside 1h to 7d", remedy=ANOTHER_SPAN
    ),
    "a horizon that is too short": Bad(
        run="plan --horizon 5m", message="--horizon 5m is outside 1h to 7d", remedy=ANOTHER_SPAN
    ),
    "a function that isn't planned": Bad(
        run="plan --function asr-gpi", message="planner.yaml has no function 'asr-gpi'", remedy="Did you mean asr-gpu?"
    ),
    "a plan that isn't stored": Bad(
        run="apply 99 --yes", message="There is no plan 99 in {dir}/planner.db.", remedy="`planner history` lists them."
    ),
    "no plan at all": Bad(
        run="diff", message="There is no plan of asr-gpu:LATEST in {dir}/planner.db", remedy="Make one: `planner plan`."
    ),
    "a plan file that is missing": Bad(
        run="apply plan.json --yes",
        message="plan.json can't be read as a plan: No such file or directory",
        remedy="Name a plan's id (`planner history`) or an exported plan.json.",
    ),
    "a plan file that is no JSON": Bad(
        run="apply plan.json --yes",
        files={"plan.json": "{"},
        message=(
            "plan.json can't be read as JSON: Expecting property name enclosed in double quotes: line 1 "
            "column 2 (char 1)"
        ),
        remedy=PLAN_AGAIN,
    ),
    "a plan file that is no plan": Bad(
        run="diff plan.json",
        files={"plan.json": "[]"},
        message="plan.json is not a plan: it holds no JSON object.",
        remedy=PLAN_AGAIN,
    ),
    "an export folder that can't be": Bad(
        run="plan --dry-run --export history.csv/there",
        message="the export can't be written to history.csv/there: Not a directory",
        remedy="Give --export a folder that you may write to, with room for about 1 MB.",
    ),
    "a release of what was never adopted": Bad(
        run="release asr-gpu --yes",
        message=(
            "asr-gpu:LATEST is not adopted: nothing is on record in {dir}/planner.db, and nothing of ours is there"
        ),
        remedy="There is nothing to release; --to-zero removes every policy and instance of other people too.",
    ),
    "a release to zero and to something": Bad(
        run="release asr-gpu --to-zero --default 3 --yes",
        message="--to-zero leaves nothing, so there is no default",
        remedy="Leave --default or --to-zero out.",
    ),
    "a release of an unknown function": Bad(
        run="release nobody --yes", message="planner.yaml has no function 'nobody'", remedy="Choose one of asr-gpu"
    ),
    "nothing to go back to": Bad(
        run="rollback --yes",
        message="There is no earlier plan of asr-gpu:LATEST to go back to",
        remedy="`planner release asr-gpu:LATEST` restores what was there before the first one.",
    ),
    "a file that is there already": Bad(
        run="init planner.yaml",
        message="planner.yaml is there already",
        remedy="Name another file, or replace it with --force.",
    ),
    "a place where no file can be": Bad(
        run="init history.csv/planner.yaml",
        message="history.csv/planner.yaml can't be written: Not a directory",
        remedy="Name a file in a folder of yours.",
    ),
    "functions that can't be read": Bad(
        run="emulator --functions world.yaml",
        files={"world.yaml": "functons: []"},
        message="The functions can't be read from world.yaml: unknown keys: functons; "
        "known: settings, prices, credentials, functions",
        remedy=SEE_EMULATOR,
    ),
    "functions that are missing": Bad(
        run="emulator --functions nowhere.yaml",
        message="nowhere.yaml can't be read: No such file or directory",
        remedy=SEE_EMULATOR,
    ),
    "faults that can't be carried out": Bad(
        run="emulator --faults faults.yaml",
        files={"faults.yaml": "faults: [{kind: capacity, share: 2}]"},
        message="The faults can't be read from faults.yaml: capacity fault: share must be from 0 to less than 1",
        remedy=SEE_EMULATOR,
    ),
    "an emulator's start without a zone": Bad(
        run="emulator --start 2026-11-22T00:00:00",
        message="--start '2026-11-22T00:00:00' has no zone",
        remedy=ADD_A_ZONE,
    ),
    "points that can't be stored": Bad(
        run="collect nowhere.csv", message="nowhere.csv: no such file", remedy=GIVE_A_FILE
    ),
}

ALL = {**HISTORY, **CONFIG, **ARGUMENTS}
