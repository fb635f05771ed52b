"""The file that describes a world, and what it refuses."""

from pathlib import Path

import pytest

from planner.emulator import FunctionSpec, Settings, load_world

_FILE = """
settings:
  among: max
  evaluation_lag_seconds: 120
  startup_seconds: [30, 10]
functions:
  - functionName: asr-gpu
    aliases: [prod]
    instanceConcurrency: 4
    cpu: 8
    memorySize: 32768
    gpuConfig: {gpuType: fc.gpu.ada.2, gpuMemorySize: 24576}
    logConfig: {enableInstanceMetrics: true, project: logs}
    customContainerConfig: {image: "registry/asr:1", port: 9000}
    startupSeconds: 45
"""


def test_a_file_gives_settings_and_functions(tmp_path: Path) -> None:
    path = tmp_path / "world.yaml"
    path.write_text(_FILE)
    world = load_world(path)
    assert world.settings == Settings(among="max", evaluation_lag_seconds=120, startup_seconds=(10.0, 30.0))
    (function,) = world.functions
    assert (function.name, function.aliases, function.startup_seconds) == (
        "asr-gpu",
        ("prod",),
        (45.0,),
    )
    wire = function.to_wire("arn")
    assert wire["gpuConfig"] == {"gpuType": "fc.gpu.ada.2", "gpuMemorySize": 24576}
    assert wire["logConfig"] == {
        "enableRequestMetrics": True,
        "enableInstanceMetrics": True,
        "project": "logs",
    }
    assert wire["customContainerConfig"] == {"image": "registry/asr:1", "port": 9000}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("settings: {amongst: max}", "unknown settings: amongst"),
        ("settings: {among: first}", "among must be one of last, max"),
        ("settings: {evaluation_lag_seconds: 121}", "from 0 to 120"),
        ("functions: [{instanceConcurrency: 4}]", "needs a name"),
        ("function: []", "unknown keys: function"),
        ("- a list", "a list"),
        ("{", "while parsing"),
    ],
)
def test_a_file_that_is_no_world_is_refused_with_its_name(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "world.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=fault) as refusal:
        load_world(path)
    assert str(path) in str(refusal.value)


def test_settings_read_the_words_of_a_command_line() -> None:
    settings = Settings.from_mapping(
        {"past_at": "ignored", "seed": "7", "scale_in_coefficient": "1", "startup_seconds": "20"}
    )
    assert (settings.past_at, settings.seed, settings.startup_seconds) == ("ignored", 7, (20.0,))
    assert settings.scale_in_coefficient == 1.0


@pytest.mark.parametrize(
    "values",
    [
        {"past_at": "maybe"},
        {"scale_in_coefficient": 0},
        {"startup_seconds": ()},
        {"tracker_out_minutes": 0},
    ],
)
def test_settings_refuse_what_no_reading_allows(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must|need"):
        Settings(**values)  # type: ignore[arg-type]


def test_a_function_needs_a_concurrency_that_fc_allows() -> None:
    with pytest.raises(ValueError, match="instanceConcurrency"):
        FunctionSpec(name="asr", instance_concurrency=0)
