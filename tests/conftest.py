"""Hypothesis: the same examples on every run, and as long as an example takes; `explore` draws many new ones.

`make campaign` runs the properties under `explore`.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

os.environ["PLANNER_CACHE"] = "off"  # no test reads or fills the cache of the person who runs it

settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None, max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
