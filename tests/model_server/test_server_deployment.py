"""The files that deploy the server agree with it and with each other."""

from __future__ import annotations

import pytest
import yaml

from model_server.settings import Settings
from tests.model_server.serving import ROOT

FOLDER = ROOT / "model_server"


def read(name):
    return yaml.safe_load((FOLDER / name).read_text("utf-8"))


@pytest.fixture
def fc3():
    return read("s.yaml")["resources"]["text-moderation"]["props"]


@pytest.fixture
def fc2():
    return read("s-fc2.yaml")["services"]["text-moderation"]["props"]


def test_both_forms_describe_one_function(fc3, fc2):
    function = fc2["function"]
    same = ("runtime", "cpu", "memorySize", "diskSize", "timeout", "instanceConcurrency", "environmentVariables")
    assert {name: function[name] for name in same} == {name: fc3[name] for name in same}
    assert function["caPort"] == fc3["customContainerConfig"]["port"] == 9000
    assert function["customHealthCheckConfig"] == fc3["customContainerConfig"]["healthCheckConfig"]
    assert function["initializationTimeout"] == fc3["instanceLifecycleConfig"]["initializer"]["timeout"]
    assert function["instanceLifecycleConfig"]["preStop"] == fc3["instanceLifecycleConfig"]["preStop"]
    metrics = ("enableInstanceMetrics", "enableRequestMetrics", "logBeginRule")
    logs = fc2["service"]["logConfig"]
    assert {name: logs[name] for name in metrics} == {name: fc3["logConfig"][name] for name in metrics}


def test_the_environment_is_settings_that_fit_the_hooks(fc3):
    settings = Settings.read([], fc3["environmentVariables"])
    assert settings.port == fc3["customContainerConfig"]["port"]
    assert settings.warm_up == "initialize"
    assert settings.timeout_seconds < fc3["timeout"]
    assert settings.grace_seconds < fc3["instanceLifecycleConfig"]["preStop"]["timeout"]
    assert settings.max_waiting_texts >= fc3["instanceConcurrency"]


def test_the_planner_is_not_overwritten_by_a_deployment_and_may_track_metrics(fc3):
    assert not {"provisionConfig", "scalingConfig"} & set(fc3)
    assert fc3["logConfig"]["enableInstanceMetrics"] is True


def test_from_outside_nobody_can_ask_for_what_ends_an_instance(fc3, fc2):
    (new,), (old,) = fc3["triggers"], fc2["triggers"]
    assert new["triggerConfig"]["methods"] == old["config"]["methods"] == ["POST"]


def test_the_image_holds_nothing_that_running_here_left_behind():
    assert "__pycache__" in (FOLDER / ".dockerignore").read_text("utf-8").split()


def test_the_image_runs_the_server_as_process_1_without_root():
    lines = (FOLDER / "Dockerfile").read_text("utf-8").splitlines()
    assert 'ENTRYPOINT ["/opt/venv/bin/python", "-m", "model_server"]' in lines
    assert any(line.startswith("USER ") and line != "USER root" for line in lines)
