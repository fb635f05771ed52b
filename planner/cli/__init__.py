"""The command line: builds the adapters, hands them down, prints what comes back."""

from planner.cli.main import main

__all__ = ["main"]
