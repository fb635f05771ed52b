"""The generated page of what is covered, and the same as JSON."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from alibabacloud_fc20230330.client import Client

from planner.emulator.routes.app import COVERED
from planner.emulator.routes.coverage import client_routes, coverage, page, to_json
from tests.emulator.fc import emulated

_PAGE = Path(__file__).parents[2] / "docs" / "emulator-coverage.md"


def test_the_page_is_the_one_that_would_be_written() -> None:
    assert _PAGE.read_text(encoding="utf-8") == page(coverage(COVERED)), "run `make docs`"


def test_every_method_of_the_official_client_is_in_it() -> None:
    # The generator writes put_layer_aclwith_options.
    names = [name.replace("_", "") for name, _ in inspect.getmembers(Client, inspect.isfunction)]
    methods = {name.removesuffix("withoptions") for name in names if name.endswith("withoptions")}
    assert {action.lower() for _, _, action in client_routes()} == methods


def test_every_route_of_the_emulator_is_one_of_the_clients() -> None:
    assert set(COVERED) <= client_routes()


def test_what_is_covered_is_said_by_route_too() -> None:
    with emulated() as fc:
        status, told = fc.admin("GET", "/_emulator/coverage")
        assert (status, told) == (200, to_json(coverage(COVERED)))
        covered = {row["action"] for row in told["actions"] if row["covered"]}
        assert covered == {action for _, _, action in COVERED}
        missing = next(row for row in told["actions"] if not row["covered"])
        path = missing["path"].replace("{", "").replace("}", "")
        status, answer = fc.admin(missing["method"], path)
        assert (status, answer["Code"]) == (501, "NotImplemented")


@pytest.fixture
def another_sdk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The folder of a package that is taken for the SDK."""
    package = tmp_path / "another_sdk"
    package.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("planner.emulator.routes.coverage.SDK", package.name)
    client_routes.cache_clear()
    yield package
    client_routes.cache_clear()


def test_routes_are_read_from_literals_plain_and_formatted(another_sdk: Path) -> None:
    (another_sdk / "__init__.py").touch()
    plain = "m.Params(action='A', pathname='/a', method='GET')"
    formatted = "m.Params(action='B', pathname=f'/b/{q(name)}/{to}', method='PUT')"
    (another_sdk / "client.py").write_text(f"{plain}\n{formatted}\n", encoding="utf-8")
    assert client_routes() == {("GET", "/a", "A"), ("PUT", "/b/{name}/{to}", "B")}


def test_a_client_without_a_single_route_is_an_error(another_sdk: Path) -> None:
    (another_sdk / "__init__.py").touch()
    (another_sdk / "client.py").write_text("class Client: ...", encoding="utf-8")
    with pytest.raises(RuntimeError, match="no route was found in the client of another-sdk"):
        client_routes()


def test_an_sdk_that_is_not_installed_is_an_error(another_sdk: Path) -> None:
    another_sdk.rmdir()
    with pytest.raises(RuntimeError, match="another-sdk is not installed"):
        client_routes()
