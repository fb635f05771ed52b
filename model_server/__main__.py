"""`python -m model_server`: listen first, load beside it, serve when the rest is imported."""

from __future__ import annotations

import logging
import os
import sys

from model_server import logs
from model_server.process import listen, start_worker
from model_server.settings import Settings


def main() -> int:
    """The exit code: 0 after SIGTERM, 1 where the model was lost or the port is taken, 2 for a wrong setting."""
    settings = Settings.read(sys.argv[1:], os.environ)
    logs.set_up()
    log = logging.getLogger("model_server")
    try:
        listener = listen(settings.host, settings.port)
    except OSError as error:
        log.critical("cannot listen on %s:%d: %s", settings.host, settings.port, error, extra={"action": "listen"})
        return 1
    port = listener.getsockname()[1]
    log.info("listening on %s:%d", settings.host, port, extra={"action": "listen", "port": port})
    worker, channel = start_worker(settings)
    from model_server.server import run  # noqa: PLC0415  # the model loads meanwhile

    return run(settings, listener, worker, channel)


if __name__ == "__main__":
    sys.exit(main())
