"""A stage on which every secret is a canary: Function Compute over TLS that checks signatures, Prometheus, commands."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK = "127.0.0.1"
KEY_ID = "LTAICanaryOfTheKeyId"
KEY_SECRET = "CanaryOfTheKeySecret4711"
STS_TOKEN = "CanaryOfTheSecurityToken4711"
PROMETHEUS_TOKEN = "CanaryOfThePrometheusToken4711"
PAGES_TOKEN = "CanaryOfTheTokenOfThePages4711"
DATABASE_PASSWORD = "CanaryOfTheDatabasePassword4711"
HOOK_TOKEN = "CanaryOfTheWebhookToken4711"
HOOK_SECRET = "CanaryOfTheWebhookSecret4711"
CANARIES = {
    "access key id": KEY_ID,
    "access key secret": KEY_SECRET,
    "security token": STS_TOKEN,
    "token of Prometheus": PROMETHEUS_TOKEN,
    "token of the pages": PAGES_TOKEN,
    "password of the database": DATABASE_PASSWORD,
    "token of a webhook": HOOK_TOKEN,
    "secret of a webhook": HOOK_SECRET,
}
SECRETS = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID": KEY_ID,
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": KEY_SECRET,
    "ALIBABA_CLOUD_SECURITY_TOKEN": STS_TOKEN,
    "PLANNER_PROMETHEUS_TOKEN": PROMETHEUS_TOKEN,
    "PLANNER_TOKEN": PAGES_TOKEN,
    "PLANNER_NOTIFY_ONCALL_SECRET": HOOK_SECRET,
    "PLANNER_NOTIFY_GROUP_SECRET": HOOK_SECRET,
}
STEP = timedelta(minutes=5)

DRIVER = """
import json, os, sys, time
os.umask(0)
from planner import clock
clock.SystemClock.sleep = lambda self, seconds: time.sleep(min(seconds, 0.01))
if trusted := os.environ.get("TRUSTED_HERE"):
    from requests import adapters
    adapters.DEFAULT_CA_BUNDLE_PATH = trusted
from planner.cli import main
for line in json.loads(sys.argv[1]):
    sys.argv = ["planner", *line]
    try:
        main()
    except SystemExit as end:
        print(f"exit {end.code or 0}: {' '.join(line)}", file=sys.stderr, flush=True)
"""
"""Several commands in one process, which need not import the SDK anew; waits take no time, files take any mode.

The SDK trusts the certificates that come with `requests` and no environment variable, so the test's is put there.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What commands left: their output, and the exit code of each line."""

    out: str
    err: str

    def code(self, line: str) -> int:
        """The exit code of a command line."""
        (found,) = (each for each in self.err.splitlines() if each.startswith("exit ") and each.endswith(f": {line}"))
        return int(found.split(":")[0].removeprefix("exit "))


def commands(folder: Path, *lines: str, **environment: str) -> Said:
    """Run command lines of the planner in `folder`, with every canary in the environment and tracebacks on."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TMPDIR", "PYTHONPATH")}
    mine = {
        "HOME": str(folder),
        "COLUMNS": "200",
        "NO_COLOR": "1",
        "PLANNER_CACHE": str(folder / "cache"),
        "PLANNER_TRACEBACK": "1",
        "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
    }
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, json.dumps([line.split() for line in lines])],
        cwd=folder,
        env=kept | mine | SECRETS | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=110,
    )
    return Said(out=done.stdout, err=done.stderr)


def leaks(text: str, folder: Path, *, ours: tuple[str, ...] = ()) -> list[str]:
    """Where a canary stands: in `text`, or in a file below `folder`; `ours` are the files that the test wrote."""
    places = {"output": text.encode()}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in ours:
            places[str(path.relative_to(folder))] = path.read_bytes()
    return [
        f"{what} in {place}"
        for place, content in places.items()
        for what, canary in CANARIES.items()
        if canary.encode() in content
    ]


def free_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of this machine that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, LOOPBACK)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOOPBACK))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form, encryption = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, encryption))
    return public, private


@dataclass(slots=True, kw_only=True)
class Front:
    """A TLS end in front of a plain server: what real endpoints have, so that real credentials are used."""

    port: int
    trusted: Path
    received: bytearray = field(default_factory=bytearray)


@contextmanager
def tls_front(behind: str, folder: Path) -> Iterator[Front]:
    """TLS on a free port, each connection passed on to `behind` (`host:port`)."""
    public, private = certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    host, _, port = behind.partition(":")
    with socket.create_server((LOOPBACK, 0)) as listener:
        front = Front(port=listener.getsockname()[1], trusted=public)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    raw, _ = listener.accept()
                    Thread(target=serve, args=(raw,), daemon=True).start()

        def serve(raw: socket.socket) -> None:
            # Refused handshakes and cut connections are what some of the tests are about.
            with (
                suppress(OSError),
                context.wrap_socket(raw, server_side=True) as near,
                socket.create_connection((host, int(port))) as far,
            ):
                Thread(target=pump, args=(far, near, bytearray()), daemon=True).start()
                pump(near, far, front.received)

        thread = Thread(target=accept, daemon=True)
        thread.start()
        yield front
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def pump(source: socket.socket, sink: socket.socket, seen: bytearray) -> None:
    """Pass bytes on until either side has enough."""
    with suppress(OSError):
        while chunk := source.recv(65536):
            seen += chunk
            sink.sendall(chunk)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


@dataclass(slots=True, kw_only=True)
class Metrics:
    """A Prometheus: ten requests in flight in the last eight hours, or a refusal that repeats the token.

    Beside it two webhooks: a robot that refuses and repeats its token and the signing secret, and one that takes all.
    """

    url: str = ""
    status: int = 200
    authorizations: list[str] = field(default_factory=list)
    letters: list[str] = field(default_factory=list)

    @property
    def hooks(self) -> dict[str, str]:
        """Where the webhooks are, for the environment."""
        return {
            "PLANNER_NOTIFY_ONCALL_URL": f"{self.url}/hooks/{HOOK_TOKEN}",
            "PLANNER_NOTIFY_GROUP_URL": f"{self.url}/robot/send?access_token={HOOK_TOKEN}",
        }

    def answer(self, query: str, authorization: str) -> bytes:
        """The body of an answer."""
        self.authorizations.append(authorization)
        if self.status != 200:
            return json.dumps({"status": "error", "error": f"no right for {authorization}"}).encode()
        start, end = (float(parse_qs(query)[name][0]) for name in ("start", "end"))
        step = STEP.total_seconds()
        since = datetime.now(UTC).timestamp() - 8 * 3600
        moments = [start + n * step for n in range(int((end - start) // step) + 1)]
        values = [[moment, str(10 + n % 3)] for n, moment in enumerate(moments) if moment >= since]
        data = {"resultType": "matrix", "result": [{"metric": {}, "values": values}] if values else []}
        return json.dumps({"status": "success", "data": data}).encode()


@contextmanager
def prometheus() -> Iterator[Metrics]:
    """A Prometheus on a free port."""
    metrics = Metrics()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = metrics.answer(urlsplit(self.path).query, self.headers.get("Authorization", ""))
            self.send_response(metrics.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            metrics.letters.append(self.path)
            said = f"no right for {self.path}, SEC={HOOK_SECRET}, sign of {HOOK_SECRET}"
            body = json.dumps({"errcode": 310000, "errmsg": said}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        metrics.url = f"http://{LOOPBACK}:{server.server_port}"
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield metrics
        server.shutdown()
        thread.join()


def write_config(folder: Path, *, endpoint: str, metrics: str, reserved: bool = False) -> None:
    """`planner.yaml`: a function that Prometheus knows, which the daemon may push, and one that Cloud Monitor knows."""
    (folder / "planner.yaml").write_text(
        f"""version: 1
fc: {{region: cn-hangzhou, endpoint: '{endpoint}'}}
notify: {{channels: [{{name: oncall, kind: json}}, {{name: group, kind: dingtalk}}]}}
defaults:
  forecast: {{forecaster: recent}}
  safety: {{max_cost_ratio: 100}}
functions:
- name: asr-gpu
  history:
    source: prometheus
    prometheus: {{url: '{metrics}', query: sum(in_flight), step: 5m, allow_reserved: {str(reserved).lower()}}}
  daemon: {{mode: auto}}
- name: other
  history: {{source: cloudmonitor, endpoint: '{endpoint}'}}
""",
        encoding="utf-8",
    )
