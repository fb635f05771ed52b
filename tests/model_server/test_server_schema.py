"""Requests made from the server's own OpenAPI document, against a warm server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.model_server.serving import serving

CASES = 20
"""Of each operation in each phase, at most."""


# A text over the limit of the document is 413, by default no way to refuse.
CONFIGURATION = """
[checks.negative_data_rejection]
expected-statuses = [400, 405, 408, 413, 415, 422]
"""


def test_the_interface_is_as_described(tmp_path):
    with serving(tmp_path) as server:
        server.ready()
        (tmp_path / "schemathesis.toml").write_text(CONFIGURATION, encoding="utf-8")
        command = [
            *(str(Path(sys.executable).with_name("st")), "run", f"http://127.0.0.1:{server.port}/openapi.json"),
            *("--exclude-path", "/pre-stop", "--max-examples", str(CASES), "--seed", "1", "--no-color"),
            *("--phases", "examples,coverage,fuzzing", "--request-timeout", "60"),
            *("--suppress-health-check", "all"),  # hypothesis would take a busy machine for a slow generator
        ]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        assert ran.returncode == 0, f"{ran.stdout[-9000:]}{ran.stderr[-9000:]}"
        assert server.metric('model_server_requests_total{path="/invoke",code="200"}') > 10
