"""When the emulator's process ends, by whatever signal, none of its instances goes on."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import pytest

from tests.emulator.instances.site import SAMPLE, alive, until

_ROOT = Path(__file__).parents[3]
_PROGRAM = """
import sys
from pathlib import Path
from planner.emulator import load_world, serve
serve(load_world(Path(sys.argv[1])), port=int(sys.argv[2]))
"""


def _world(folder: Path) -> Path:
    process = {
        "command": [sys.executable, "-S", str(SAMPLE), "{port}"],
        "environment": {"DIARY": str(folder / "diary"), "CHILD": str(folder / "children")},
    }
    path = folder / "world.json"
    path.write_text(json.dumps({"functions": [{"functionName": "asr", "process": process}]}))
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ask(url: str) -> bool:
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except (URLError, ConnectionError):
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_instance_and_nothing_that_it_has_started_outlives_the_emulator(
    number: signal.Signals, tmp_path: Path
) -> None:
    port = _free_port()
    command = [sys.executable, "-c", _PROGRAM, str(_world(tmp_path)), str(port)]
    # A runner in the background of a shell ignores interrupts, and its children would inherit that.
    heeding = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    with subprocess.Popen(command, cwd=_ROOT, preexec_fn=heeding) as emulator:  # noqa: PLW1509
        try:
            until(lambda: _ask(f"http://127.0.0.1:{port}/_function/asr/"))
            (served,) = [int(line.split()[1]) for line in (tmp_path / "diary").read_text().splitlines()]
            child = int((tmp_path / "children").read_text())
            assert alive(served)
            assert alive(child)
            emulator.send_signal(number)
            emulator.wait(30)
        finally:
            emulator.kill()
    until(lambda: not alive(served))
    until(lambda: not alive(child))
    graceful = "sigterm" in (tmp_path / "diary").read_text()
    assert graceful is (number != signal.SIGKILL)
    assert emulator.returncode == -number
