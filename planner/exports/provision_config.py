"""`provision-config.json`: exactly the body of PutProvisionConfig (FC 3.0, API 2023-03-30), valid as it stands."""

from __future__ import annotations

import json

from planner.plan import Plan

NAME = "provision-config.json"


def render(plan: Plan) -> str:
    """The wanted document; keys sorted as the official SDK sends them, policies in the order of the document."""
    return pretty(plan.wanted.wire())


def pretty(body: object) -> str:
    """Indented JSON with sorted keys and a last newline: the form of every JSON body that is exported."""
    return json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
