"""The origin that speaks HTTP/2: nginx with the answers of origin.cc as files."""

import os
import time
from string import Template

from . import programs
from .processes import BenchError, Process, connects, free_ports

_TEMPLATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers", "nginx-origin.conf")
_FILES = {"128": 128, "1m": 1 << 20}


class Http2Origin:
    """Runs until stop(); `ports` are two addresses of the same server."""

    def __init__(self, bench):
        nginx = programs.find("nginx")
        if nginx is None:
            raise BenchError("nginx, the origin that speaks HTTP/2, is not installed (Debian package nginx-light)")
        folder = bench.folder("http2-origin")
        os.makedirs(os.path.join(folder, "www"), exist_ok=True)
        for name, size in _FILES.items():
            with open(os.path.join(folder, "www", name), "w") as file:
                file.write("x" * size)
        # Its workers may run as another user.
        for path in (os.path.dirname(folder), folder, os.path.join(folder, "www")):
            os.chmod(path, 0o755)
        self.ports = free_ports(2)
        values = {"PORT_A": self.ports[0], "PORT_B": self.ports[1], "MAX_FILES": bench.max_files, "FOLDER": folder}
        path = os.path.join(folder, "nginx.conf")
        with open(_TEMPLATE) as template, open(path, "w") as file:
            file.write(Template(template.read()).substitute(values))
        log = os.path.join(folder, "log")
        self._process = Process([nginx, "-p", folder, "-e", log, "-c", path], bench.load_core, log)
        self._wait()

    def stop(self):
        self._process.stop()

    def _wait(self):
        deadline = time.monotonic() + 10
        while not connects(self.ports[0]):
            if not self._process.running() or time.monotonic() > deadline:
                self._process.stop()
                raise BenchError(f"nginx does not serve as origin{self._process.log_tail()}")
            time.sleep(0.02)
