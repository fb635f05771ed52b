"""`make audit` ends well only where every pin was asked about, and nothing is known of any."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.files import ROOT

LOCK = """# written by a tool
scipy==1.17.1 ; python_full_version < '3.12' \\
    --hash=sha256:00
scipy==1.18.1 ; python_full_version >= '3.12' \\
    --hash=sha256:01
Typing_Extensions==4.16.0 \\
    --hash=sha256:02
"""
TOOL = f"""#!{sys.executable}
import json, os, sys
pins = [line.split("==") for line in open(sys.argv[-1]).read().split()]
open(os.environ["ASKED"], "a").write(json.dumps(pins) + "\\n")
exec(os.environ["BEHAVIOUR"])
print(json.dumps({{"dependencies": found, "fixes": []}}))
"""
CLEAN = "found = [{'name': name, 'version': version, 'vulns': []} for name, version in pins]"
VULNERABLE = f"{CLEAN}; found[0]['vulns'] = [{{'id': 'PYSEC-1', 'fix_versions': ['9.9']}}]"
SKIPPED = f"{CLEAN}; found[-1] = {{'name': pins[-1][0], 'skip_reason': 'not found'}}"
LEFT_OUT = f"{CLEAN}; found = found[1:]"
AWAY = "sys.stderr.write('Traceback\\nConnectionError: no such host\\n'); sys.exit(1)"


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    (tmp_path / "a.lock").write_text(LOCK, encoding="utf-8")
    tool = tmp_path / "pip-audit"
    tool.write_text(TOOL, encoding="utf-8")
    tool.chmod(0o700)
    return tmp_path / "a.lock"


def audit(lock: Path, behaviour: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / "audit.py", lock.parent / "pip-audit", lock, lock],
        env=os.environ | {"BEHAVIOUR": behaviour, "ASKED": str(lock.parent / "asked")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_pin_is_asked_about_once_whatever_machine_it_is_for(lock: Path) -> None:
    done = audit(lock, CLEAN)
    assert (done.returncode, done.stdout) == (0, "3 pinned packages, 0 advisories (osv).\n")
    asked = [json.loads(line) for line in (lock.parent / "asked").read_text(encoding="utf-8").splitlines()]
    assert sorted(map(tuple, (pin for part in asked for pin in part))) == [
        ("scipy", "1.17.1"),
        ("scipy", "1.18.1"),
        ("typing-extensions", "4.16.0"),
    ]
    assert all(len({name for name, _ in part}) == len(part) for part in asked)


def test_what_is_known_is_said_and_fails(lock: Path) -> None:
    done = audit(lock, VULNERABLE)
    assert done.returncode == 1
    assert "scipy 1.18.1: PYSEC-1, mended in 9.9\n" in done.stdout


@pytest.mark.parametrize("behaviour", [SKIPPED, LEFT_OUT], ids=["skipped", "left out"])
def test_a_package_that_was_not_looked_at_fails(lock: Path, behaviour: str) -> None:
    done = audit(lock, behaviour)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("The 3 pinned packages are not audited: not looked at were ")


def test_a_service_out_of_reach_fails_in_one_sentence(lock: Path) -> None:
    done = audit(lock, AWAY)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "The 3 pinned packages are not audited: "
        "the advisory service (osv) can't be asked (ConnectionError: no such host).\n"
    )


def test_the_lock_files_of_the_repository_are_all_named_in_the_makefile() -> None:
    (line,) = (
        line for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if "scripts/audit.py" in line
    )
    named = {found for word in line.split() if word.endswith(".lock") for found in ROOT.glob(word)}
    assert named == set(ROOT.glob("*.lock")) | set((ROOT / "deploy").glob("*.lock"))
