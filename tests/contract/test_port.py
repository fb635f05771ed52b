"""What holds on every backend of the Function Compute port."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from planner.base import FunctionRef
from planner.errors import FCError, FCRefused, FCServerError, FCThrottled, FCUnreachable
from planner.fc.port import FunctionCompute
from planner.provision import LiveDocument, ProvisionConfig, ScheduledAction
from tests.builders import FUNCTION, a_config, a_tracker
from tests.contract.conftest import BARE, FACTS, Backend

CANARY = replace(FUNCTION, qualifier="canary")
BY_HAND = ScheduledAction(
    name="night shift",
    schedule_expression="cron(0 0 22 * * MON-FRI)",
    target=2,
    start_time="2026-11-01T00:00:00",
    end_time="2026-12-31T00:00:00",
    time_zone="Asia/Shanghai",
)


def test_a_function_without_a_config_holds_nothing(backend: Backend) -> None:
    assert backend.fc.get_provision_config(FUNCTION) == LiveDocument()


def test_what_was_put_is_what_is_read(backend: Backend) -> None:
    config = a_config(2, 6, 3, trackers=(a_tracker(),))

    answer = backend.fc.put_provision_config(FUNCTION, config)
    live = backend.fc.get_provision_config(FUNCTION)

    assert answer.config.digest == live.config.digest == config.digest
    assert live.exists
    assert answer.target == config.default_target


def test_a_policy_made_by_hand_goes_back_word_for_word(backend: Backend) -> None:
    config = ProvisionConfig(default_target=1, scheduled_actions=(BY_HAND,))

    backend.fc.put_provision_config(FUNCTION, config)

    assert backend.fc.get_provision_config(FUNCTION).config == config


def test_a_put_replaces_the_whole_document(backend: Backend) -> None:
    backend.fc.put_provision_config(FUNCTION, a_config(2, 6, trackers=(a_tracker(),)))
    bare = ProvisionConfig(default_target=3, always_allocate_cpu=False, always_allocate_gpu=False)

    backend.fc.put_provision_config(FUNCTION, bare)

    assert backend.fc.get_provision_config(FUNCTION).config == bare


def test_aliases_of_a_function_are_apart(backend: Backend) -> None:
    backend.fc.put_provision_config(FUNCTION, a_config(2))

    assert not backend.fc.get_provision_config(CANARY).exists


def test_a_document_of_nothing_but_zero_is_not_a_missing_one(backend: Backend) -> None:
    backend.fc.put_provision_config(FUNCTION, ProvisionConfig())

    assert backend.fc.get_provision_config(FUNCTION).exists


def test_the_facts_of_a_function_are_read(backend: Backend) -> None:
    assert backend.fc.get_function(FUNCTION) == FACTS


def test_a_function_without_instance_metrics_says_so(backend: Backend) -> None:
    assert not backend.fc.get_function(FunctionRef(name=BARE)).instance_metrics


CALLS: dict[str, Callable[[FunctionCompute, FunctionRef], object]] = {
    "get": lambda fc, function: fc.get_provision_config(function),
    "put": lambda fc, function: fc.put_provision_config(function, a_config(1)),
    "facts": lambda fc, function: fc.get_function(function),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_missing_function_is_refused_and_not_taken_for_an_empty_one(
    backend: Backend, call: Callable[[FunctionCompute, FunctionRef], object]
) -> None:
    with pytest.raises(FCRefused) as caught:
        call(backend.fc, FunctionRef(name="nobody"))

    assert (caught.value.code, caught.value.status) == ("FunctionNotFound", 404)


def test_tracking_without_instance_metrics_is_refused_and_nothing_is_stored(backend: Backend) -> None:
    bare = FunctionRef(name=BARE)

    with pytest.raises(FCRefused) as caught:
        backend.fc.put_provision_config(bare, a_config(1, trackers=(a_tracker(),)))

    assert caught.value.code == "InstanceMetricsRequired"
    assert not backend.fc.get_provision_config(bare).exists


TROUBLE = [FCThrottled, FCServerError, FCUnreachable, FCRefused]


@pytest.mark.parametrize("kind", TROUBLE)
def test_trouble_with_a_read_is_told_by_its_kind(backend: Backend, kind: type[FCError]) -> None:
    backend.fail(kind, "GetProvisionConfig")

    with pytest.raises(kind):
        backend.fc.get_provision_config(FUNCTION)


@pytest.mark.parametrize("kind", TROUBLE)
def test_trouble_with_a_put_is_told_by_its_kind(backend: Backend, kind: type[FCError]) -> None:
    backend.fail(kind, "PutProvisionConfig")

    with pytest.raises(kind):
        backend.fc.put_provision_config(FUNCTION, a_config(2))
