"""No secret leaves the process, whatever goes wrong: not to the screen, a log, the database, the cache, an export."""

from __future__ import annotations

import stat
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import MetaData, create_engine, select

from planner.emulator import Fault, Running
from tests.postgres import Cluster
from tests.security.stage import (
    CANARIES,
    DATABASE_PASSWORD,
    HOOK_TOKEN,
    KEY_ID,
    PROMETHEUS_TOKEN,
    STS_TOKEN,
    Front,
    Metrics,
    Said,
    commands,
    free_port,
    leaks,
    write_config,
)

ON_ASR = "--function asr-gpu"
EVERYTHING = (
    "--help",
    "config check",
    f"doctor {ON_ASR}",
    "collect",
    f"plan {ON_ASR} --export out",
    f"diff {ON_ASR}",
    "apply 1 --yes --wait 0",
    f"status {ON_ASR}",
    f"status {ON_ASR} --json",
    f"history {ON_ASR}",
    "pause asr-gpu --for 1h",
    "resume asr-gpu",
    "notify test oncall",
    "run --once --log json",
)
ECHO = f"AccessKeyId {KEY_ID} of SecurityToken={STS_TOKEN} and token: {STS_TOKEN} may not, Signature={KEY_ID}"
"""What a service may repeat of a request: never the secret, which it isn't sent."""
CONFIG = ("planner.yaml",)


def clean(said: Said, folder: Path) -> None:
    assert leaks(said.out + said.err, folder, ours=CONFIG) == []


def worked(said: Said) -> None:
    *before, daemon = [said.code(line) for line in EVERYTHING]
    assert before == [0] * len(before), said.err
    assert daemon == 1
    # Which is all that it can say of a function that was never called.
    assert "nothing is known of other in the 91 days before now" in said.err


def trusting(front: Front) -> dict[str, str]:
    return {"TRUSTED_HERE": str(front.trusted)}


def everything(folder: Path, front: Front, metrics: Metrics, **environment: str) -> Said:
    """Every command that reaches the world."""
    write_config(folder, endpoint=f"127.0.0.1:{front.port}", metrics=metrics.url)
    return commands(folder, *EVERYTHING, **trusting(front) | metrics.hooks | environment)


def test_a_canary_is_found_wherever_it_is(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "log").write_bytes(b"\0" + KEY_ID.encode())
    assert leaks(f"x{PROMETHEUS_TOKEN}y", tmp_path) == [
        "token of Prometheus in output",
        "access key id in deeper/log",
    ]


def test_a_day_of_work_leaves_no_secret(folder: Path, fc: Running, front: Front, metrics: Metrics) -> None:
    said = everything(folder, front, metrics)

    worked(said)
    # They really were used: the signature was checked, and both tokens arrived.
    assert any(entry.action == "PutProvisionConfig" for entry in fc.emulator.journal.entries())
    assert KEY_ID.encode() in front.received
    assert STS_TOKEN.encode() in front.received
    assert f"Bearer {PROMETHEUS_TOKEN}" in metrics.authorizations
    # Both webhooks heard of the function that has no history, and the robot's refusal is in the log without its token.
    assert {urlsplit(path).path for path in metrics.letters} == {f"/hooks/{HOOK_TOKEN}", "/robot/send"}
    assert "refused with errcode 310000: no right for" in said.err
    assert (folder / "out" / "plan.json").exists()
    clean(said, folder)


def test_the_database_is_its_owners_alone_under_any_umask(folder: Path, front: Front, metrics: Metrics) -> None:
    write_config(folder, endpoint=f"127.0.0.1:{front.port}", metrics=metrics.url)
    commands(folder, "collect", **trusting(front))
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("planner.db*")} == {0o600}


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(status=403, code="Odd", message=ECHO, times=10_000), id="403 that repeats the request"),
        pytest.param(Fault(status=403, code="AccessDenied", message=ECHO, times=10_000), id="403"),
        pytest.param(Fault(status=500, code="InternalServerError", message=ECHO, times=10_000), id="500"),
        pytest.param(Fault(cut="after", times=10_000), id="connection cut"),
    ],
)
def test_a_function_compute_that_fails_is_told_of_without_secrets(
    folder: Path, fc: Running, front: Front, metrics: Metrics, fault: Fault
) -> None:
    fc.emulator.faults.add(fault)
    said = everything(folder, front, metrics)
    assert said.code(EVERYTHING[4]) == 5
    assert "Traceback" in said.err
    clean(said, folder)


@pytest.mark.parametrize("listens", [True, False], ids=["a certificate nobody trusts", "nobody listens"])
def test_a_wrong_endpoint_is_told_of_without_secrets(
    folder: Path, front: Front, metrics: Metrics, listens: bool
) -> None:
    write_config(folder, endpoint=f"127.0.0.1:{front.port if listens else free_port()}", metrics=metrics.url)
    said = commands(folder, *EVERYTHING, **metrics.hooks)
    assert said.code(EVERYTHING[4]) == 5
    assert "Traceback" in said.err
    assert not front.received
    clean(said, folder)


def test_a_prometheus_that_repeats_the_token_is_told_of_without_it(
    folder: Path, front: Front, metrics: Metrics
) -> None:
    metrics.status = 401
    said = everything(folder, front, metrics)
    assert said.code("collect") == 5
    assert f"Bearer {PROMETHEUS_TOKEN}" in metrics.authorizations
    clean(said, folder)


def test_a_database_server_out_of_reach_is_told_of_without_its_password(
    folder: Path, front: Front, metrics: Metrics
) -> None:
    url = f"postgresql://planner:{DATABASE_PASSWORD}@127.0.0.1:{free_port()}/planner?connect_timeout=2"
    said = everything(folder, front, metrics, PLANNER_DATABASE_URL=url)
    assert said.code("apply 1 --yes --wait 0") == 1
    assert "can't be reached" in said.err
    clean(said, folder)


def test_no_table_of_a_database_server_holds_a_secret(
    folder: Path, front: Front, metrics: Metrics, postgres: Cluster
) -> None:
    url = postgres.new_database()
    with_password = url.replace("planner@", f"planner:{DATABASE_PASSWORD}@", 1)
    write_config(folder, endpoint=f"127.0.0.1:{front.port}", metrics=metrics.url)
    said = commands(
        folder, "db upgrade", *EVERYTHING, PLANNER_DATABASE_URL=with_password, **trusting(front) | metrics.hooks
    )
    worked(said)
    clean(said, folder)

    engine, tables = create_engine(url), MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        rows = [str(row) for table in tables.sorted_tables for row in connection.execute(select(table))]
    engine.dispose()
    assert len(rows) > 100
    assert [what for what, canary in CANARIES.items() if any(canary in row for row in rows)] == []
