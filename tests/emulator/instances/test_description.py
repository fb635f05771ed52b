"""The page on the emulator says what is true of processes."""

from pathlib import Path

import yaml
from starlette.routing import Route

from planner.emulator import Emulator, World
from planner.emulator.instances import errors
from planner.emulator.instances.dispatch import INSTANCES, data_routes
from planner.emulator.instances.host import Host
from planner.emulator.instances.spec import Hook

_PAGE = (Path(__file__).parents[3] / "docs" / "emulator.md").read_text(encoding="utf-8")
_SECTION = _PAGE.partition("## Real instances\n")[2].partition("\n## ")[0]


def test_the_example_is_a_world() -> None:
    world = World.from_mapping(yaml.safe_load(_SECTION.partition("```yaml\n")[2].partition("```")[0]))
    (function,) = world.functions
    assert function.process is not None
    assert function.process.health_check is not None
    assert (function.process.initializer, function.process.timeout_seconds) == (Hook(timeout_seconds=120), 60)


def test_every_admin_route_and_every_refusal_stands_in_it() -> None:
    routes: list[Route] = data_routes(Host(Emulator(World())))
    paths = [route.path for route in routes if route.path.startswith(INSTANCES)]
    assert len(paths) == 2
    assert all(f"| GET `{path}` |" in _SECTION for path in paths)
    refusals = [e for e in vars(errors).values() if isinstance(e, type) and e.__module__ == errors.__name__]
    assert len(refusals) == 5
    assert all(f"| {refusal.status} `{refusal.__name__}` |" in _SECTION for refusal in refusals)
