"""`s.yaml`: a fragment for Serverless Devs (edition 3.0.0, component fc3), and the exact `s provision put` command.

Source: github.com/devsapp/fc3, src/subCommands/provision/index.ts and deploy/impl/provision_config.ts. What matters:

- `s provision put` sends `alwaysAllocateCPU: false` and `alwaysAllocateGPU: false` unless `--ac` and `--ag` are given,
  and empty lists for the lists that are not given.
- It tests `defaultTarget || target`, so that `--default-target 0` alone is refused as "must be a number": with a
  default of 0 the command also gives `--target 0`.
- `mode: sync` waits, for up to 15 minutes, until the instances equal the default target. While a schedule or a tracker
  is in effect they need not, so the fragment says `async`.
"""

from __future__ import annotations

import json
import shlex

from planner.exports.words import headline, verdict
from planner.plan import Plan
from planner.provision import canonical_json

NAME = "s.yaml"
REGION = "${env('FC_REGION')}"
"""A plan knows no region: Serverless Devs takes it from the environment."""


def render(plan: Plan) -> str:
    """The fragment; its head says how to put the document without deploying the function."""
    import yaml  # noqa: PLC0415  # `planner --help` stays fast

    fragment = {
        "edition": "3.0.0",
        "name": plan.function.name,
        "access": "default",
        "resources": {plan.function.name: {"component": "fc3", "props": _props(plan)}},
    }
    text = yaml.safe_dump(fragment, sort_keys=False, allow_unicode=True, width=110)
    return _head(plan) + str(text)


def put_command(plan: Plan, *, joint: str = " \\\n  ") -> str:
    """The wanted document as one shell command; every argument is quoted where a shell asks for it."""
    config = plan.wanted
    wire = config.wire()
    words = ["s provision put", f"--qualifier {shlex.quote(plan.function.qualifier)}"]
    words.append(f"--default-target {config.default_target}")
    if config.default_target == 0:
        words.append("--target 0")
    words += ["--ac"] * config.always_allocate_cpu + ["--ag"] * config.always_allocate_gpu
    words.append(f"--scheduled-actions {_json(wire['scheduledActions'])}")
    words.append(f"--target-tracking-policies {_json(wire['targetTrackingPolicies'])}")
    return joint.join([*words, "-y"])


def _props(plan: Plan) -> dict[str, object]:
    placed: dict[str, object] = {"qualifier": plan.function.qualifier, "mode": "async"}
    # Through JSON: YAML's safe writer takes plain text and numbers only, and a metric type is an enum.
    document = json.loads(json.dumps(plan.wanted.wire()))
    return {
        "region": REGION,
        "functionName": plan.function.name,
        "provisionConfig": placed | document,
    }


def _head(plan: Plan) -> str:
    lines = (
        headline(plan),
        f"Verdict: {verdict(plan)}. Plan {plan.digest[:12]}.",
        "",
        "Merge `provisionConfig` into your own s.yaml, or put it alone: export FC_REGION=cn-..., then here",
        "",
        "  " + put_command(plan, joint=" "),
        "",
        "Without --ac / --ag the command sends false. Names and limits: docs/exports.md.",
    )
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def _json(value: object) -> str:
    return shlex.quote(canonical_json(value))
