"""What a sound file becomes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from planner.base import FunctionRef
from planner.config import CapacityConfig, Config, ForecastConfig, FunctionConfig, PriceConfig, TrackerConfig
from planner.errors import ConfigError
from planner.forecast import FORECASTERS
from planner.provision import MetricType
from tests.config.conftest import MINIMAL

Load = Callable[..., Config]


def test_a_name_is_all_that_a_function_needs(load: Load) -> None:
    assert load().functions == (FunctionConfig(name="f"),)


def test_sections_can_be_built_in_python() -> None:
    capacity = CapacityConfig(lead=timedelta(seconds=30))
    assert FunctionConfig(name="f", qualifier="prod", capacity=capacity).ref == FunctionRef(name="f", qualifier="prod")


def test_defaults_merge_key_by_key_and_lists_are_replaced_whole(load: Load) -> None:
    tracker = "{{name: {}, metric: CPUUtilization, target: 0.5, min_instances: 1, max_instances: 2}}"
    config = load(
        "version: 1\n"
        "defaults:\n"
        "  time_zone: UTC\n"
        "  capacity: {lead: 30s, dwell: 5m}\n"
        f"  guardrails: {{trackers: [{tracker.format('a')}, {tracker.format('b')}]}}\n"
        "functions:\n"
        "- name: one\n"
        "  capacity: {dwell: 10m}\n"
        "- name: two\n"
        f"  guardrails: {{trackers: [{tracker.format('c')}]}}\n"
    )
    one, two = config.functions
    assert (one.time_zone, one.capacity.lead, one.capacity.dwell) == (
        "UTC",
        timedelta(seconds=30),
        timedelta(minutes=10),
    )
    assert [tracker.name for tracker in one.guardrails.trackers] == ["a", "b"]
    assert [tracker.name for tracker in two.guardrails.trackers] == ["c"]
    assert two.capacity.dwell == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("text", "value"),
    [("off", "off"), ("auto", "auto"), ("'off'", "off"), ("0.8", 0.8), ("1", 1.0), ("8e-1", 0.8)],
)
def test_the_live_guard_is_a_word_or_a_ratio(load: Load, text: str, value: object) -> None:
    assert load(f"{MINIMAL}  guardrails: {{live: {text}}}").function().guardrails.live == value


@pytest.mark.parametrize(("text", "value"), [("keep", "keep"), ("true", True), ("false", False)])
def test_allocation_is_kept_or_set(load: Load, text: str, value: object) -> None:
    assert load(f"{MINIMAL}  always_allocate: {{gpu: {text}}}").function().always_allocate.gpu == value


def test_norway_is_a_country(load: Load) -> None:
    assert load(f"{MINIMAL}  calendar: {{country: NO}}").function().calendar.country == "NO"


def test_a_tracker_has_a_metric_and_instants(load: Load) -> None:
    text = (
        f"{MINIMAL}  guardrails:\n    trackers:\n"
        "    - {name: gpu, metric: GPUMemUtilization, target: 0.8, min_instances: 0, max_instances: 4,\n"
        "       from: 2026-11-11T00:00:00+08:00, to: 2026-11-12T00:00:00Z}\n"
    )
    (tracker,) = load(text).function().guardrails.trackers
    assert tracker == TrackerConfig.model_validate(
        {
            "name": "gpu",
            "metric": MetricType.GPU_MEMORY,
            "target": 0.8,
            "min_instances": 0,
            "max_instances": 4,
            "from": datetime.fromisoformat("2026-11-11T00:00:00+08:00"),
            "to": datetime.fromisoformat("2026-11-12T00:00:00+00:00"),
        }
    )


def test_the_price_has_a_date(load: Load) -> None:
    price = load(f"{MINIMAL}  price: {{dated: 2026-01-31, gpu_gb: 24}}").function().price
    assert price == PriceConfig(dated=date(2026, 1, 31), gpu_gb=24)


def test_a_byte_order_mark_and_chinese_comments_are_fine(load: Load) -> None:
    assert load("\ufeff# 配置\n" + MINIMAL).function().name == "f"


def test_the_only_function_needs_no_name(load: Load) -> None:
    config = load(MINIMAL + "  qualifier: prod")
    assert config.function() == config.function("f") == config.function("f:prod")


def test_among_several_functions_one_must_be_named(load: Load) -> None:
    config = load(MINIMAL + "- name: g\n")
    with pytest.raises(ConfigError, match=r"^config\.yaml has 2 functions$") as caught:
        config.function()
    assert caught.value.remedy == "name one with --function: f:LATEST, g:LATEST"


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("text-moderatoin", "did you mean text-moderation?"),
        ("xyz", "choose one of text-moderation, asr"),
        ("asr:prod", "did you mean asr?"),
    ],
)
def test_an_unknown_function_is_refused_with_the_nearest_one(load: Load, name: str, remedy: str) -> None:
    config = load("version: 1\nfunctions:\n- name: text-moderation\n- name: asr\n")
    with pytest.raises(ConfigError, match=rf"^config\.yaml has no function '{name}'$") as caught:
        config.function(name)
    assert caught.value.remedy == remedy


@pytest.mark.parametrize(
    ("fc", "address"),
    [
        ("{}", None),
        ("{region: cn-shanghai}", "fcv3.cn-shanghai.aliyuncs.com"),
        ("{region: me-central-1}", "me-central-1.fc.aliyuncs.com"),
        ("{region: cn-hangzhou-finance}", "cn-hangzhou-finance.fc.aliyuncs.com"),
        ("{region: cn-shanghai, endpoint: 'fc.internal:8443'}", "fc.internal:8443"),
        ("{endpoint: 'localhost:9090', protocol: http}", "localhost:9090"),
        ("{endpoint: '[::1]:9090', protocol: http}", "[::1]:9090"),
    ],
)
def test_an_endpoint_wins_over_the_region(load: Load, fc: str, address: str | None) -> None:
    assert load(f"{MINIMAL}fc: {fc}").fc.address == address


def test_relative_paths_begin_at_the_files_folder(load: Load, tmp_path: Path) -> None:
    config = load(f"{MINIMAL}database: {{url: 'sqlite:///../state/p.db?timeout=5'}}")
    assert config.path == Path("config.yaml")
    assert config.folder == tmp_path
    assert config.resolve("history/a.csv") == tmp_path / "history/a.csv"
    assert config.resolve("/abs.csv") == Path("/abs.csv")
    assert config.database_url == f"sqlite:///{tmp_path.parent}/state/p.db?timeout=5"


@pytest.mark.parametrize(
    ("url", "resolved"),
    [
        ("sqlite:////var/lib/p.db", "sqlite:////var/lib/p.db"),
        ("postgresql://me@db:5432/planner", "postgresql+psycopg://me@db:5432/planner"),
        ("postgres:///planner", "postgresql+psycopg:///planner"),
        ("postgresql+psycopg://me@db/planner", "postgresql+psycopg://me@db/planner"),
    ],
)
def test_a_database_is_sqlite_or_postgresql(load: Load, url: str, resolved: str) -> None:
    assert load(f"{MINIMAL}database: {{url: '{url}'}}").database_url == resolved


def test_the_environment_replaces_the_database_and_may_carry_a_password(load: Load) -> None:
    config = load(PLANNER_DATABASE_URL="postgresql://me:word@db/planner")
    assert config.database_url == "postgresql+psycopg://me:word@db/planner"
    assert "word" not in repr(config)


def test_a_bad_url_in_the_environment_is_refused_without_repeating_it(load: Load) -> None:
    with pytest.raises(ConfigError, match=r"^environment PLANNER_DATABASE_URL is not a database") as caught:
        load(PLANNER_DATABASE_URL="mysql://me:word@db/planner")
    assert "word" not in caught.value.message


@pytest.mark.parametrize(
    ("file", "sample"), [("null", None), ("a.csv", None), ("sample:text-moderation", "text-moderation")]
)
def test_a_bundled_history_is_named_by_sample(load: Load, file: str, sample: str | None) -> None:
    assert load(f"{MINIMAL}  history: {{file: '{file}'}}".replace("'null'", "null")).function().history.sample == sample


def test_what_is_allowed_but_worth_knowing_is_noted(load: Load) -> None:
    assert load(MINIMAL + "  capacity: {evaluation_lag: 30s}").notes() == (
        "fc: no region and no endpoint: plans are made against an empty document",
        "functions[0] (f): instance_concurrency is null and there is no function to ask: 1 is assumed",
        "functions[0] (f): history.file is null: give plan a --history",
        "functions[0] (f): capacity.evaluation_lag is shorter than the 120s that FC may take: steps may be late",
    )


@pytest.mark.parametrize(
    ("keys", "note"),
    [
        (
            "calendar: {rules: always}",
            "calendar.rules is always, but calendar.country is null: no holiday is known",
        ),
        (
            "capacity: {min_instances: 0}",
            "capacity.min_instances is 0, but FC keeps 1 instance where a guard or the fallback acts",
        ),
        (
            "history: {file: 'sample:text-moderation'}",
            "history.file is sample:text-moderation: the bundled sample is planned, not your function",
        ),
        ("calendar: {rules: always, country: CN}", None),
        ("capacity: {min_instances: 0}, guardrails: {enabled: false}", None),
        ("history: {source: database, file: 'sample:text-moderation'}", None),
    ],
)
def test_what_acts_otherwise_than_it_reads_is_noted(load: Load, keys: str, note: str | None) -> None:
    sections = f"functions: [{{name: f, history: {{file: a.csv}}, {keys}}}]"
    if "history:" in keys:
        sections = f"functions: [{{name: f, {keys}}}]"
    notes = load(f"version: 1\nfc: {{region: cn-hangzhou}}\n{sections}\n").notes()
    assert notes == (() if note is None else (f"functions[0] (f): {note}",))


def test_a_sample_beside_an_emulator_is_no_surprise(load: Load) -> None:
    fc = "fc: {endpoint: '127.0.0.1:9090', protocol: http}"
    config = load(f"version: 1\n{fc}\nfunctions: [{{name: f, history: {{file: 'sample:text-moderation'}}}}]\n")
    assert config.notes() == ()


def test_every_forecaster_that_there_is_can_be_named() -> None:
    kind = ForecastConfig.model_fields["forecaster"].annotation
    assert sorted(get_args(kind)) == sorted(FORECASTERS)


def test_importing_the_configuration_stays_light() -> None:
    code = "import sys, planner.config; print(*{'pandas', 'numpy', 'holidays', 'sqlalchemy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    ("text", "environ", "folder"),
    [
        ("cache: {folder: fits}\n", {"PLANNER_CACHE": ""}, "{here}/fits"),
        ("cache: {folder: /fits}\n", {"XDG_CACHE_HOME": "/usual"}, "/fits"),
        ("cache: {folder: off}\n", {"XDG_CACHE_HOME": "/usual"}, None),
        ("cache: {folder: fits}\n", {"PLANNER_CACHE": "named"}, "{here}/named"),
        ("cache: {folder: fits}\n", {"PLANNER_CACHE": "off"}, None),
        ("", {"XDG_CACHE_HOME": "/usual", "HOME": "/home/me"}, "/usual/planner"),
        ("", {"XDG_CACHE_HOME": "relative", "HOME": "/home/me"}, "/home/me/.cache/planner"),
        ("", {}, None),
    ],
)
def test_the_cache_is_where_it_is_named_else_in_the_usual_place(
    load: Load, text: str, environ: dict[str, str], folder: str | None
) -> None:
    found = load(MINIMAL + text, **environ).cache_folder
    assert found == (None if folder is None else Path(folder.format(here=Path.cwd())))
