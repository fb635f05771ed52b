"""What a function may say of its processes."""

from typing import Any

import pytest

from planner.emulator import FunctionSpec
from planner.emulator.instances.spec import HealthCheck, Hook, ProcessSpec

_BODY = {
    "functionName": "asr",
    "timeout": 60,
    "environmentVariables": {"A": 1},
    "customContainerConfig": {"image": "asr:1", "port": 9000, "healthCheckConfig": {"httpGetUrl": "/health"}},
    "instanceLifecycleConfig": {"initializer": {"handler": "true", "timeout": 300}, "preStop": {"handler": "true"}},
    "process": {"command": ["server", "{port}"], "environment": {"B": 2}, "cwd": "/"},
}


def test_a_process_is_read_with_what_the_function_says_of_its_life() -> None:
    function = FunctionSpec.from_wire(_BODY)
    assert function.process == ProcessSpec(
        command=("server", "{port}"),
        environment={"B": "2"},
        variables={"A": "1"},
        cwd="/",
        health_check=HealthCheck(path="/health"),
        initializer=Hook(timeout_seconds=300),
        pre_stop=Hook(timeout_seconds=3),
        timeout_seconds=60,
    )
    assert "process" not in function.to_wire("arn")
    assert FunctionSpec.from_wire({"functionName": "asr"}).process is None


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"process": {"command": "server"}}, "must be a list"),
        ({"process": {"command": []}}, "must be a list"),
        ({"process": {"command": ["x"], "image": "y"}}, "unknown keys of process: image"),
        ({"customContainerConfig": {"healthCheckConfig": {"httpGetUrl": "health"}}}, "begins with /"),
        ({"customContainerConfig": {"healthCheckConfig": {"httpGetUrl": "/", "timeoutSeconds": 4}}}, "from 1 to 3"),
        ({"instanceLifecycleConfig": {"initializer": {"timeout": 301}}}, "from 1 to 300"),
        ({"instanceLifecycleConfig": {"preStop": {"timeout": 91}}}, "from 1 to 90"),
        ({"instanceLifecycleConfig": {"initializer": {"command": ["x"]}}}, "a command is not covered"),
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        FunctionSpec.from_wire({**_BODY, **fields})
