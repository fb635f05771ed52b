"""Each file parses as its tool would read it, asks for few rights, and starts commands that exist.

No image was built and no cluster was asked: that takes a container engine.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from planner.clock import ManualClock
from planner.config import load_config
from planner.config.words import SECRETS
from planner.observing import Observer, address_of, serving
from tests.builders import NOON
from tests.deploy.files import DEPLOY, ROOT, command_lines, compose, instructions, kubernetes, policy, stages, unit
from tests.docs.test_readme import find

FILES = sorted(path for path in DEPLOY.iterdir() if path.is_file())
MONITORING = ("alerts.yaml", "grafana.json")
"""Tested with the metrics that they show."""
TEXTS = [path for path in FILES if path.suffix != ".lock" and path.name not in MONITORING]
UID = 10001
POLICY_SCHEMA = {
    "type": "object",
    "required": ["Version", "Statement"],
    "additionalProperties": False,
    "properties": {
        "Version": {"const": "1"},
        "Statement": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["Effect", "Action", "Resource"],
                "additionalProperties": False,
                "properties": {
                    "Effect": {"enum": ["Allow", "Deny"]},
                    "Action": {"type": "array", "minItems": 1, "items": {"pattern": "^[a-z]+:[A-Za-z]+$"}},
                    "Resource": {"type": "string"},
                },
            },
        },
    },
}
"""RAM, "Policy structure and syntax": what of it is used here."""
PREFIXES = {"planner/fc/client.py": "fc", "planner/sources/cloudmonitor.py": "cms"}
"""The only users of each SDK, which import-linter checks, and the prefix of their service's actions."""


@pytest.mark.parametrize("where", command_lines())
def test_every_command_line_can_be_typed(where: str) -> None:
    command, words = find(" ".join(("planner", *command_lines()[where])))
    command.make_context(command.name, words)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_no_file_holds_a_secret_or_a_place_of_one_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for line in text.splitlines():
        if "${" not in line:
            assert not [what for pattern, what in SECRETS if pattern.search(line)], line
    assert set(re.findall(r"https?://[^/\s']+", text)) <= {"http://127.0.0.1:9464"}
    assert set(re.findall(r"\d+\.\d+\.\d+\.\d+", text)) <= {"127.0.0.1"}
    assert not re.search(r"LTAI\w+|STS\.\w+|index-url|/home/|/root/", text)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_environment_variable_of_ours_is_one_that_something_reads(path: Path) -> None:
    code = "".join(each.read_text(encoding="utf-8") for each in (ROOT / "planner").rglob("*.py"))
    named = set(re.findall(r"\bPLANNER_[A-Z_]+", path.read_text(encoding="utf-8")))
    assert {name for name in named if f'"{name}"' not in code} == set()


class TestUnit:
    def test_it_waits_for_what_the_daemon_says(self) -> None:
        service = unit()["Service"]
        assert service["Type"] == ["notify"]
        code = (ROOT / "planner" / "cli" / "running.py").read_text(encoding="utf-8")
        assert 'notify("READY=1")' in code
        assert 'notify("WATCHDOG=1")' in code

    def test_its_sections_and_keys_stand_once_but_for_lists(self) -> None:
        found = unit()
        assert set(found) == {"Unit", "Service", "Install"}
        several = {key for keys in found.values() for key, values in keys.items() if len(values) > 1}
        assert several == {"Environment", "SystemCallFilter"}

    def test_it_writes_only_below_its_own_folders(self) -> None:
        service = unit()["Service"]
        assert service["ProtectSystem"] == ["strict"]
        assert service["StateDirectoryMode"] == service["CacheDirectoryMode"] == ["0700"]
        paths = dict(line.split("=", 1) for line in service["Environment"])
        for name in ("PLANNER_CACHE", "NUMBA_CACHE_DIR"):
            assert paths[name].startswith("/var/cache/planner/")

    @pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
    def test_systemd_understands_it_and_calls_it_well_locked(self, tmp_path: Path) -> None:
        """With a program that exists here in place of the installed one."""
        text = (DEPLOY / "planner.service").read_text(encoding="utf-8")
        copy = tmp_path / "planner.service"
        copy.write_text(text.replace("/opt/planner/.venv/bin/planner", sys.executable), encoding="utf-8")
        verified = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
        assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
        judged = ["systemd-analyze", "security", "--offline=true", "--threshold=20", copy]
        assert subprocess.run(judged, capture_output=True, check=False).returncode == 0


class TestDockerfile:
    def test_what_it_copies_exists_and_is_let_in(self) -> None:
        ignored = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
        assert ignored[0] == "*"
        for name, arguments in instructions():
            if name == "COPY" and not arguments.startswith("--from"):
                for source in arguments.split()[:-1]:
                    assert (ROOT / source).exists(), source
                    assert f"!{source}" in ignored

    def test_every_package_is_pinned_by_its_hash(self) -> None:
        pip = [text for name, text in instructions() if name == "RUN" and "pip install" in text]
        assert len(pip) == 2
        assert "--require-hashes --no-deps --only-binary :all: --no-binary alibabacloud-tea " in pip[0]
        assert "--no-deps --no-build-isolation" in pip[1]

    def test_the_lock_of_the_driver_is_that_of_the_development(self) -> None:
        whole = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")
        _, part = (DEPLOY / "requirements-postgres.lock").read_text(encoding="utf-8").split("\n", 1)
        assert part
        assert part in whole
        assert re.findall(r"^\S+(?===)", part, re.MULTILINE) == ["psycopg", "psycopg-binary"]

    def test_the_last_stage_has_no_build_tools_and_is_nobody(self) -> None:
        build, last = stages()
        steps = [text for name, text in last if name == "RUN"]
        assert not [text for text in steps if re.search(r"apt|pip install|gcc", text)]
        assert "pip uninstall --yes setuptools wheel pip" in steps[0]
        assert "pip uninstall --yes hatchling" in build[-1][1]
        assert dict(last)["USER"] == f"{UID}:{UID}"
        names = [name for name, _ in last]
        assert names.index("USER") < names.index("ENTRYPOINT")

    def test_what_is_taken_out_after_the_build_is_in_the_lock_or_in_python(self) -> None:
        (text,) = (text for _, text in stages()[0] if "pip uninstall" in text)
        locked = set(re.findall(r"^\S+(?===)", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE))
        assert set(text.partition("uninstall --yes ")[2].split()) - locked == {"pip", "setuptools"}


class TestHealth:
    def asked(self) -> dict[str, list[str]]:
        """The command that each of them asks for the daemon's health with."""
        (check,) = (text for name, text in instructions() if name == "HEALTHCHECK")
        (container,) = kubernetes()["Deployment"]["spec"]["template"]["spec"]["containers"]
        return {
            "Dockerfile": json.loads(check.partition(" CMD ")[2]),
            "kubernetes.yaml": container["livenessProbe"]["exec"]["command"],
        }

    def test_each_asks_where_its_daemon_listens(self) -> None:
        daemons = [words for words in command_lines().values() if words[0] == "run"]
        assert len(daemons) == 4
        assert {words[words.index("--listen") + 1] for words in daemons} == {"127.0.0.1:9464"}
        for _, flag, code in self.asked().values():
            assert flag == "-c"
            assert "http://127.0.0.1:9464/health" in code

    @pytest.mark.parametrize("token", ["", "0123456789abcdef"], ids=["without a token", "with a token"])
    @pytest.mark.parametrize("where", ["Dockerfile", "kubernetes.yaml"])
    def test_the_question_tells_a_daemon_that_lives_from_one_that_does_not(
        self, monkeypatch: pytest.MonkeyPatch, where: str, token: str
    ) -> None:
        python, flag, code = self.asked()[where]
        assert python == "python"
        clock = ManualClock(NOON)
        observer = Observer([], clock=clock)
        monkeypatch.setenv("PLANNER_TOKEN", token)
        with serving(address_of("127.0.0.1:0"), token or None, observer) as bound:
            here = [sys.executable, flag, code.replace("127.0.0.1:9464", str(bound))]
            observer.beaten()
            assert subprocess.run(here, check=False).returncode == 0
            clock.sleep(120)
            assert subprocess.run(here, capture_output=True, check=False).returncode != 0
        assert subprocess.run(here, capture_output=True, check=False).returncode != 0


class TestCompose:
    @pytest.mark.parametrize("name", ["planner", "upgrade"])
    def test_the_planner_is_locked_in(self, name: str) -> None:
        service = compose()["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "ports" not in service
        context = (DEPLOY / service["build"]["context"]).resolve()
        assert (context / service["build"]["dockerfile"]).samefile(DEPLOY / "Dockerfile")

    def test_the_daemon_begins_when_the_schema_is_there(self) -> None:
        services = compose()["services"]
        waits = services["planner"]["depends_on"]
        assert set(waits) <= set(services)
        assert waits["upgrade"]["condition"] == "service_completed_successfully"

    def test_the_password_comes_from_outside_and_must(self) -> None:
        services = compose()["services"]
        assert "ports" not in services["db"]
        for value in (
            services["planner"]["environment"]["PLANNER_DATABASE_URL"],
            services["db"]["environment"]["POSTGRES_PASSWORD"],
        ):
            assert "${POSTGRES_PASSWORD:?" in value


class TestKubernetes:
    KINDS = ("Namespace", "ServiceAccount", "ConfigMap", "PersistentVolumeClaim", "Deployment")

    def test_every_object_has_what_the_api_requires(self) -> None:
        found = kubernetes()
        assert tuple(found) == self.KINDS
        for kind, each in found.items():
            assert each["apiVersion"] == ("apps/v1" if kind == "Deployment" else "v1")
            assert each["metadata"]["name"] == "planner"
            assert kind == "Namespace" or each["metadata"]["namespace"] == "planner"
        spec = found["Deployment"]["spec"]
        assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]
        assert found["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteOnce"]
        # Two pods can't have the volume at once.
        assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")

    def test_every_container_is_nobody_on_a_root_that_cannot_be_written(self) -> None:
        pod = kubernetes()["Deployment"]["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == UID
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for each in (*pod["initContainers"], *pod["containers"]):
            assert each["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert set(each["resources"]["requests"]) >= {"cpu", "memory"}
            assert "memory" in each["resources"]["limits"]

    def test_volumes_accounts_and_claims_are_those_that_exist(self) -> None:
        found = kubernetes()
        pod = found["Deployment"]["spec"]["template"]["spec"]
        volumes = {each["name"]: each for each in pod["volumes"]}
        for each in (*pod["initContainers"], *pod["containers"]):
            assert {mount["name"] for mount in each["volumeMounts"]} == set(volumes)
        assert volumes["config"]["configMap"]["name"] == found["ConfigMap"]["metadata"]["name"]
        assert (
            volumes["records"]["persistentVolumeClaim"]["claimName"]
            == found["PersistentVolumeClaim"]["metadata"]["name"]
        )
        assert pod["serviceAccountName"] == found["ServiceAccount"]["metadata"]["name"]

    def test_the_planner_accepts_the_configuration_and_keeps_its_records_on_the_volume(self, tmp_path: Path) -> None:
        found = kubernetes()
        (name, text), *more = found["ConfigMap"]["data"].items()
        assert (name, more) == ("planner.yaml", [])
        (tmp_path / name).write_text(text, encoding="utf-8")
        config = load_config(tmp_path / name, environ={})
        mounts = {
            mount["name"]: mount["mountPath"]
            for mount in found["Deployment"]["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
        }
        assert config.database_url == f"sqlite:///{mounts['records']}/planner.db"
        default = next(value for key, value in instructions() if key == "ENV" and "PLANNER_CONFIG" in value)
        assert f"PLANNER_CONFIG={mounts['config']}/{name}" in default


class TestPolicy:
    def called(self) -> set[str]:
        found = set()
        for path, prefix in PREFIXES.items():
            code = (ROOT / path).read_text(encoding="utf-8")
            for method in re.findall(r"self\._client\.(\w+)\(", code):
                found.add(f"{prefix}:{''.join(word.capitalize() for word in method.split('_'))}")
        return found

    def test_it_has_the_form_of_a_ram_policy(self) -> None:
        jsonschema.validate(policy(), POLICY_SCHEMA)

    def test_it_allows_what_is_called_and_nothing_else(self) -> None:
        allowed = [action for each in policy()["Statement"] if each["Effect"] == "Allow" for action in each["Action"]]
        assert len(allowed) == len(set(allowed)) == 4
        assert set(allowed) == self.called()

    def test_what_writes_stands_alone_so_that_it_can_be_left_out(self) -> None:
        writing = [each for each in policy()["Statement"] if any("Put" in action for action in each["Action"])]
        assert [each["Action"] for each in writing] == [["fc:PutProvisionConfig"]]


def test_every_yaml_and_json_file_of_the_folder_parses() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".yaml":
            assert all(isinstance(each, dict) for each in yaml.safe_load_all(text)), path.name
        elif path.suffix == ".json":
            assert isinstance(json.loads(text), dict), path.name
