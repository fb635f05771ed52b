"""A local FC 3.0: the part of Function Compute that concerns provisioned instances.

The official SDK talks to it over plain HTTP; its schedules and trackers really fire, on a clock
that can be real, fast or moved by hand. It shares no code with the rest of planner, so that each
checks the other's reading of FC. `docs/emulator.md` says how to use it and what it covers.
"""

from planner.emulator.clock import Clock, FactorClock, ManualClock, RealClock
from planner.emulator.faults import CapacityFault, ClockJump, Fault, MetricFault, QuotaFault, StartupFault
from planner.emulator.models.emulator import Emulator
from planner.emulator.models.function import FunctionSpec
from planner.emulator.models.load import Load
from planner.emulator.models.traffic import TraceFormat, read_trace
from planner.emulator.server import Running, running, serve
from planner.emulator.settings import Settings
from planner.emulator.world import World, load_world

__all__ = [
    "CapacityFault",
    "Clock",
    "ClockJump",
    "Emulator",
    "FactorClock",
    "Fault",
    "FunctionSpec",
    "Load",
    "ManualClock",
    "MetricFault",
    "QuotaFault",
    "RealClock",
    "Running",
    "Settings",
    "StartupFault",
    "TraceFormat",
    "World",
    "load_world",
    "read_trace",
    "running",
    "serve",
]
