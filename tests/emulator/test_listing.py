"""The lists of configs: every config once, on pages of any size, whatever happens in between."""

import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_tea_openapi.exceptions import ClientException
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.emulator import Emulator, FunctionSpec, ManualClock, World
from planner.emulator.models.operations import Call
from tests.emulator.fc import NOON, Fc, emulated

_FUNCTIONS = tuple(FunctionSpec(name=f"f{i:02}", aliases=("prod",)) for i in range(45))


def _arns(fc: Fc, **query: object) -> list[list[str]]:
    """All pages, each the tails of its ARNs."""
    pages, token = [], None
    while True:
        configs, token = fc.page(next_token=token, **query) if token else fc.page(**query)
        pages.append([config["functionArn"].split("functions/")[1] for config in configs])
        if not token:
            return pages


def test_pages_hold_every_config_once_and_the_last_has_no_token() -> None:
    with emulated(*_FUNCTIONS) as fc:
        for function in _FUNCTIONS:
            fc.put({"defaultTarget": 0}, name=function.name)
        expected = [f"{function.name}/prod" for function in _FUNCTIONS]
        for limit, sizes in ((100, [45]), (45, [45]), (15, [15, 15, 15]), (44, [44, 1])):
            pages = _arns(fc, limit=limit)
            assert [len(page) for page in pages] == sizes
            assert sum(pages, []) == expected  # noqa: RUF017 - small
        assert [len(page) for page in _arns(fc)] == [20, 20, 5]


def test_the_pages_of_one_function_are_its_aliases() -> None:
    with emulated() as fc:
        assert fc.page() == ([], None)
        for qualifier in ("prod", "LATEST", "canary"):
            fc.put({"defaultTarget": 0}, qualifier)
        assert _arns(fc, function_name="asr", limit=2) == [
            ["asr/LATEST", "asr/canary"],
            ["asr/prod"],
        ]
        assert _arns(fc, function_name="other") == [[]]


def test_each_kind_of_config_has_a_list_of_its_own() -> None:
    with emulated(*_FUNCTIONS[:7]) as fc:
        for function in _FUNCTIONS[:5]:
            body = models.PutScalingConfigInput(min_instances=0)
            fc.client.put_scaling_config(function.name, models.PutScalingConfigRequest(qualifier="prod", body=body))
        fc.put({"defaultTarget": 0}, name="f05")
        names, token = [], None
        while token != "":
            request = models.ListScalingConfigsRequest(limit=2, next_token=token)
            page = fc.client.list_scaling_configs(request).body
            names.append([config.function_arn.split("/")[1] for config in page.scaling_configs])
            token = page.next_token or ""
        assert names == [["f00", "f01"], ["f02", "f03"], ["f04"]]
        assert _arns(fc) == [["f05/prod"]]
        one = fc.client.list_scaling_configs(models.ListScalingConfigsRequest(function_name="f03")).body
        assert [config.min_instances for config in one.scaling_configs] == [0]


def test_a_token_of_another_shape_is_refused() -> None:
    with emulated() as fc, pytest.raises(ClientException) as refusal:
        fc.page(next_token="MQ==")
    assert refusal.value.code == "InvalidArgument"


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"next_token": "no token"}])
def test_a_page_that_cannot_be_is_refused(query: dict[str, object]) -> None:
    with emulated() as fc, pytest.raises(ClientException) as refusal:
        fc.page(**query)
    assert refusal.value.code == "InvalidArgument"


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_configs_deleted_between_pages_hide_and_repeat_no_other(data: st.DataObject) -> None:
    emulator = Emulator(World(functions=_FUNCTIONS), clock=ManualClock(NOON))
    names = [function.name for function in _FUNCTIONS]
    for name in names:
        emulator.call("PutProvisionConfig", Call(function_name=name, body={}))
    seen: list[str] = []
    deleted: set[str] = set()
    token = ""
    while True:
        query = {"limit": str(data.draw(st.integers(1, 20))), "nextToken": token}
        page = emulator.call("ListProvisionConfigs", Call(query=query))
        assert page is not None
        seen += [c["functionArn"].split("/")[1] for c in page["provisionConfigs"]]
        token = page.get("nextToken", "")
        if not token:
            break
        name = data.draw(st.sampled_from(names))
        emulator.call("DeleteProvisionConfig", Call(function_name=name))
        deleted.add(name)
    assert seen == sorted(set(seen))
    assert set(names) - deleted <= set(seen)
