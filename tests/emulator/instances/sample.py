"""A small web server, as somebody might bring it: `python sample.py PORT`, switched by its environment.

DIARY    a file to which it writes what happens to it, a line each
BLOCKED  a file: while it exists, POST /initialize answers 500
DEAF     not empty: it never listens
SLEEPY   seconds after which it listens
STUBBORN not empty: it ignores SIGTERM
CHILD    not empty: it starts a child that would sleep for an hour
"""

import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

STATE = {"initialized": False, "well": True}
ATE = []
_HEADERS = [("X-Answer", "a"), ("X-Answer", "b"), ("X-Fc-Request-Id", "forged"), ("X-Fc-Status", "200")]


def note(what):
    if diary := os.environ.get("DIARY"):
        with Path(diary).open("a") as file:
            file.write(f"{what} {os.getpid()}\n")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, body, status=200, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def serve(self):
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        verb = getattr(self, "on" + url.path.replace("/", "_").replace("-", "_"), None)
        if verb:
            return verb(query, body)
        seen = {"pid": os.getpid(), "method": self.command, "path": self.path, "size": len(body), **STATE}
        seen["headers"] = {name.lower(): value for name, value in self.headers.items()}
        return self.answer(json.dumps(seen).encode(), headers=_HEADERS)

    def on_initialize(self, query, body):
        note("initialize" if self.command == "POST" else "wrong method")
        if Path(os.environ.get("BLOCKED", "/nonexistent")).exists():
            return self.answer(b"no", 500)
        STATE["initialized"] = True
        return self.answer(b"")

    def on_pre_stop(self, query, body):
        note("pre-stop" if self.command == "GET" else "wrong method")
        self.answer(b"")

    def on_invoke(self, query, body):
        self.answer(body[::-1], headers=[("Content-Type", self.headers["Content-Type"])])

    def on_health(self, query, body):
        note("health")
        self.answer(b"", 200 if STATE["well"] else 503)

    def on_refused(self, query, body):
        self.answer(b"", 400)

    def on_unwell(self, query, body):
        STATE["well"] = False
        self.answer(str(os.getpid()).encode())

    def on_hold(self, query, body):
        """Answer when the file exists."""
        note("hold")
        while not Path(query["until"]).exists():
            time.sleep(0.02)
        self.answer(str(os.getpid()).encode())

    def on_crash(self, query, body):
        note("crash")
        os._exit(3)

    def on_eat(self, query, body):
        ATE.append(b"x" * (int(query["mb"]) * 2**20))
        self.answer(b"")

    def on_large(self, query, body):
        self.answer(b"x" * int(query["size"]))


for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
    setattr(Handler, f"do_{method}", Handler.serve)


def terminate(number, frame):
    note("sigterm")
    if not os.environ.get("STUBBORN"):
        os._exit(0)


def main():
    signal.signal(signal.SIGTERM, terminate)
    note("start")
    sys.stdout.write("the sample speaks\n")
    sys.stdout.flush()
    if os.environ.get("CHILD"):
        child = subprocess.Popen(["sleep", "3600"])
        with Path(os.environ["CHILD"]).open("a") as file:
            file.write(f"{child.pid}\n")
    while os.environ.get("DEAF"):
        time.sleep(1)
    time.sleep(float(os.environ.get("SLEEPY", "0")))
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


main()
