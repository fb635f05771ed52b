"""Requests on their way to instances."""

from datetime import timedelta
from pathlib import Path

import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_tea_openapi.exceptions import ClientException

from planner.emulator import FactorClock
from tests.emulator.fc import NOON
from tests.emulator.instances.site import Site, sample, served, until


def _release(path: Path) -> None:
    path.touch()


def test_the_official_client_invokes_a_function() -> None:
    with served(sample()) as site:
        site.warm(1)
        request = models.InvokeFunctionRequest(qualifier="prod", body=b"abc")
        answer = site.fc.client.invoke_function("asr", request)
        assert (answer.status_code, answer.body.read()) == (200, b"cba")
        assert answer.headers["x-emulator-start"] == "warm"
        assert answer.headers["x-emulator-instance"] == "provisioned"
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["x-fc-request-id"].startswith("1-")


def test_a_function_or_alias_that_is_not_there_is_refused_as_the_client_expects() -> None:
    with served(sample()) as site:
        for name, qualifier, code in (("ghost", "prod", "FunctionNotFound"), ("asr", "ghost", "AliasNotFound")):
            request = models.InvokeFunctionRequest(qualifier=qualifier, body=b"")
            with pytest.raises(ClientException) as refusal:
                site.fc.client.invoke_function(name, request)
            assert (refusal.value.code, refusal.value.status_code) == (code, 404)


def test_an_asynchronous_invocation_is_said_not_to_be_covered() -> None:
    with served(sample()) as site:
        path = "/2023-03-30/functions/asr/invocations"
        answer = site.ask(path, "POST", b"", {"x-fc-invocation-type": "Async"})
        assert (answer.status, answer.code) == (501, "NotImplemented")


def test_a_function_without_a_process_cannot_be_invoked() -> None:
    with served(sample(process=None)) as site:
        answer = site.send("/")
        assert (answer.status, answer.code) == (501, "NotImplemented")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_the_trigger_passes_on_method_path_query_headers_and_body(method: str) -> None:
    with served(sample()) as site:
        headers = {"X-Own": "1", "X-Fc-Qualifier": "forged", "Authorization": "Bearer t"}
        answer = site.send("/v1/a%2Fb?x=1&x=%20", method, b"four", headers)
        seen = answer.json
        assert (seen["method"], seen["path"], seen["size"]) == (method, "/v1/a%2Fb?x=1&x=%20", 4)
        assert (seen["headers"]["x-own"], seen["headers"]["authorization"]) == ("1", "Bearer t")
        assert seen["headers"]["x-fc-qualifier"] == "prod"
        assert seen["headers"]["x-fc-control-path"] == "/http-invoke"
        assert seen["headers"]["x-fc-request-id"] == answer.headers["x-fc-request-id"]
        assert answer.headers["x-answer"] == "a, b"
        assert "x-fc-status" not in answer.headers


def test_the_trigger_has_an_alias_or_latest_as_first_part_of_its_path_or_none() -> None:
    with served(sample()) as site:
        for path, qualifier, rest in (
            ("/_function/asr", "LATEST", "/"),
            ("/_function/asr/v1/x", "LATEST", "/v1/x"),
            ("/_function/asr/LATEST/v1/x", "LATEST", "/v1/x"),
            ("/_function/asr/prod", "prod", "/"),
            ("/_function/asr/prod/prod", "prod", "/prod"),
        ):
            seen = site.ask(path).json
            assert (seen["headers"]["x-fc-qualifier"], seen["path"]) == (qualifier, rest)


def test_a_head_request_has_no_body() -> None:
    with served(sample()) as site:
        answer = site.send("/", "HEAD")
        assert (answer.status, answer.body) == (200, b"")


def test_requests_go_to_the_least_loaded_instance_and_no_instance_gets_too_many(tmp_path: Path) -> None:
    held = tmp_path / "held"
    with served(sample(instanceConcurrency=2)) as site:
        site.warm(2)
        requests = []
        for shares in ([0, 1], [1, 1], [1, 2], [2, 2]):
            requests.append(site.later(f"/hold?until={held}"))
            until(lambda shares=shares: _in_flight(site) == sum(shares))
            assert sorted(i["inFlight"] for i in site.instances("warm")) == shares
        _release(held)
        assert sorted(r.answer().body for r in requests)[1:3] == sorted({r.answer().body for r in requests})
        assert {r.answer().headers["x-emulator-start"] for r in requests} == {"warm"}


def _in_flight(site: Site) -> int:
    return sum(i["inFlight"] for i in site.instances())


def test_where_all_are_busy_a_request_waits_for_an_instance_of_its_own_and_others_share_it(tmp_path: Path) -> None:
    held = tmp_path / "held"
    with served(sample(instanceConcurrency=2), max_processes=2) as site:
        site.warm(1)
        busy = [site.later(f"/hold?until={held}") for _ in range(2)]
        until(lambda: _in_flight(site) == 2)
        cold = [site.later(f"/hold?until={held}") for _ in range(2)]
        until(lambda: _in_flight(site) == 4)
        refused = site.send("/")
        assert (refused.status, refused.code) == (429, "ResourceExhausted")
        _release(held)
        assert {r.answer().headers["x-emulator-start"] for r in cold} == {"cold"}
        assert {r.answer().headers["x-emulator-instance"] for r in cold} == {"on-demand"}
        assert len({r.answer().headers["x-emulator-instance-id"] for r in (*busy, *cold)}) == 2
        after = site.send("/")
        assert (after.headers["x-emulator-start"], after.headers["x-emulator-instance"]) == ("warm", "provisioned")
        assert site.fc.get()["current"] == 1


def test_the_limits_of_the_account_count_both_kinds_of_instances() -> None:
    with served(sample(), region_instances=1) as site:
        assert site.send("/").status == 200
        assert site.ask("/_function/asr").code == "ResourceExhausted"
    with served(sample(gpuConfig={"gpuType": "fc.gpu.ada.1", "gpuMemorySize": 49152}), gpu_cards_per_type=1) as site:
        assert site.send("/").status == 200
        assert site.ask("/_function/asr").code == "ResourceExhausted"


def test_a_put_counts_the_on_demand_instances_that_are_busy(tmp_path: Path) -> None:
    held = tmp_path / "held"
    with served(sample(), clock=FactorClock(NOON, 60), region_instances=2, on_demand_idle_seconds=60) as site:
        requests = [site.later(f"/hold?until={held}") for _ in range(2)]
        until(lambda: len(site.instances("warm")) == 2)
        site.fc.put({"defaultTarget": 2})
        assert site.fc.get()["currentError"] == "Reserve resource exceeded limit"
        before = site.fc.emulator.now()
        until(lambda: site.fc.emulator.now() > before + timedelta(minutes=2))
        assert [i["kind"] for i in site.instances("starting", "warm")] == ["on-demand"] * 2
        _release(held)
        assert [r.answer().status for r in requests] == [200, 200]
        until(lambda: site.fc.get()["current"] == 2)
        assert [i["kind"] for i in site.instances("starting", "warm")] == ["provisioned"] * 2


def test_on_demand_instances_take_of_the_growth_and_refusals_are_counted() -> None:
    with served(sample(), clock=FactorClock(NOON, 60), growth_burst=1, growth_per_minute=0) as site:
        assert site.send("/").status == 200
        assert site.ask("/_function/asr").code == "ResourceExhausted"
        site.fc.put({"defaultTarget": 1})
        assert site.fc.get()["currentError"] == "Resources are being replenished"
        refused = until(lambda: site.fc.emulator.report("asr", "LATEST").totals.throttles)
        assert (refused, site.fc.emulator.report("asr", "LATEST").totals.invocations) == (1, 1)


def test_an_on_demand_instance_that_nobody_uses_is_ended_after_some_time_of_the_clock() -> None:
    with served(sample(), clock=FactorClock(NOON, 600), on_demand_idle_seconds=300) as site:
        assert site.send("/").headers["x-emulator-start"] == "cold"
        until(lambda: not site.instances("starting", "warm", "ending"))
        assert site.instances("ended")[0]["failure"] == ""


def test_an_on_demand_instance_serves_again_until_then() -> None:
    with served(sample()) as site:
        first, second = site.send("/"), site.send("/")
        assert (first.headers["x-emulator-start"], second.headers["x-emulator-start"]) == ("cold", "warm")
        assert first.json["pid"] == second.json["pid"]


def test_scaling_in_loses_no_request(tmp_path: Path) -> None:
    held = tmp_path / "held"
    with served(sample({"DIARY": tmp_path / "diary"})) as site:
        site.warm(2)
        requests = [site.later(f"/hold?until={held}") for _ in range(2)]
        until(lambda: _in_flight(site) == 2)
        site.fc.put({"defaultTarget": 0})
        until(lambda: len(site.instances("ending")) == 2)
        assert site.fc.get()["current"] == 0
        assert "sigterm" not in (tmp_path / "diary").read_text()
        assert site.send("/").headers["x-emulator-start"] == "cold"
        _release(held)
        assert [r.answer().status for r in requests] == [200, 200]
        until(lambda: len(site.instances("ended")) == 2)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_whose_instance_dies_is_told_so_and_not_sent_to_another(method: str, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    with served(sample({"DIARY": diary})) as site:
        answer = site.send("/crash", method)
        assert (answer.status, answer.code) == (412, "CAExited")
        assert diary.read_text().count("crash") == 1
        assert site.send("/").status == 200


def test_a_request_whose_instance_does_not_start_is_told_why() -> None:
    with served(sample(process={"command": ["/nonexistent/server"]})) as site:
        answer = site.send("/")
        assert (answer.status, answer.code) == (412, "FunctionNotStarted")
        assert "exited with status 127: /nonexistent/server: No such file" in answer.json["Message"]


def test_a_request_over_the_timeout_of_the_function_is_given_up(tmp_path: Path) -> None:
    with served(sample(timeout=1)) as site:
        answer = site.send(f"/hold?until={tmp_path / 'never'}")
        assert (answer.status, answer.code) == (504, "InvocationTimeout")
        assert _in_flight(site) == 0


def test_bodies_are_bounded_both_ways() -> None:
    with served(sample(), body_limit_mb=1) as site:
        assert site.send("/", "POST", b"x" * 2**20).json["size"] == 2**20
        for answer in (site.send("/", "POST", b"x" * (2**20 + 1)), site.send(f"/large?size={2**20 + 1}")):
            assert (answer.status, answer.code) == (413, "EntityTooLarge")
        assert len(site.send(f"/large?size={2**20}").body) == 2**20
