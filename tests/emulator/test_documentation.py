"""The page that describes the emulator names everything there is."""

from dataclasses import fields
from pathlib import Path

from starlette.routing import Route

from planner.emulator import Emulator, Settings, World
from planner.emulator.routes.admin import admin_routes
from planner.emulator.routes.app import ROUTES

_PAGE = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")


def _methods(route: Route) -> set[str]:
    return (route.methods or set()) - {"HEAD"}


def test_every_switch_stands_in_the_table_with_its_default() -> None:
    for field in fields(Settings):
        assert f"| `{field.name}` | `{field.default}` |" in _PAGE


def test_every_route_stands_in_the_tables() -> None:
    for method, path, action in ROUTES:
        assert f"| {method} `{path}` | {action} |" in _PAGE
    for route in admin_routes(Emulator(World())):
        for method in _methods(route):
            assert f"| {method} `{route.path}` |" in _PAGE
