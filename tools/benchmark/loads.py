"""Loads: the work that is laid on a proxy while the kernel counts what it costs.

A load has `run(bench, proxy)`, where `proxy` is a running Proxy (peers.py) and `bench` the Bench
(measurement.py) with cores, seconds and folders. It returns a Sample.
"""

import os
import socket
import time
from dataclasses import dataclass

from .processes import BenchError, Process

WRK_REPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wrk_report.lua")
WARM_UP_SECONDS = 1


@dataclass(frozen=True)
class Sample:
    """One measurement. `value` is in the row's unit, lower is better; the rest explains it."""

    value: float
    details: dict


@dataclass(frozen=True)
class HttpLoad:
    """wrk with one thread; the value is the proxy's CPU microseconds per completed request."""

    path: str
    connections: int
    headers: tuple = ()

    def run(self, bench, proxy):
        return _cpu_per_request(bench, proxy, lambda seconds: self._wrk(bench, proxy, seconds))

    def _wrk(self, bench, proxy, seconds):
        command = ["wrk", "-t1", f"-c{self.connections}", f"-d{seconds}s", "--timeout", "10s", "-s", WRK_REPORT]
        for name, value in self.headers:
            command += ["-H", f"{name}: {value}"]
        command.append(proxy.url(self.path))
        with Process(command, bench.load_core, bench.log_path("wrk"), read_output=True) as wrk:
            return _result(proxy, command, wrk.finish(timeout=seconds + 15))


@dataclass(frozen=True)
class ClientLoad:
    """The bench's own client (client/main.cc): handshakes under control, echoes; the value as of HttpLoad."""

    mode: str
    connections: int

    def run(self, bench, proxy):
        return _cpu_per_request(bench, proxy, lambda seconds: self._client(bench, proxy, seconds))

    def _client(self, bench, proxy, seconds):
        command = _client_command(bench, proxy, self.mode, self.connections, seconds)
        with Process(command, bench.load_core, bench.log_path("client"), read_output=True) as client:
            return _result(proxy, command, client.finish(timeout=seconds + 15))


@dataclass(frozen=True)
class HandshakeStormLoad:
    """Requests at a fixed rate on TLS connections that exist, first alone and then beside full handshakes.

    The value is the 99th percentile of the requests' latency in the storm. The storm's client runs
    in the background of the load core: what its own cryptography costs must not delay the requests.
    """

    connections: int
    requests_per_second: int
    handshakes_per_second: int

    def run(self, bench, proxy):
        self._requests(bench, proxy, WARM_UP_SECONDS)
        calm = self._requests(bench, proxy, bench.seconds)
        # A second more than the requests, which begin after the storm.
        seconds = bench.seconds + 1
        command = _client_command(bench, proxy, "tls-full", self.connections, seconds, self.handshakes_per_second)
        log = bench.log_path("storm")
        with Process(command, bench.load_core, log, read_output=True, in_background=True) as storm:
            storm.read_line()
            stormy = self._requests(bench, proxy, bench.seconds)
            handshakes = _result(proxy, command, storm.finish(timeout=seconds + 15))
        return Sample(
            value=stormy["p99"],
            details={
                "calm_p50_us": calm["p50"],
                "calm_p99_us": calm["p99"],
                "storm_p50_us": stormy["p50"],
                "storm_p99_us": stormy["p99"],
                "storm_requests_per_second": _rate(stormy),
                "handshakes_per_second": _rate(handshakes),
                "errors": _sum(_errors(calm), _errors(stormy), _errors(handshakes)),
            },
        )

    def _requests(self, bench, proxy, seconds):
        rate = self.requests_per_second
        command = _client_command(bench, proxy, "tls-keepalive", self.connections, seconds, rate)
        with Process(command, bench.load_core, bench.log_path("client"), read_output=True) as client:
            return _result(proxy, command, client.finish(timeout=seconds + 15))


def _cpu_per_request(bench, proxy, generate):
    """Warms up, then sets what `generate(seconds)` completed against what the kernel counted meanwhile."""
    generate(WARM_UP_SECONDS)
    ticks, nanoseconds, begin = proxy.process.cpu_ticks(), proxy.process.cpu_nanoseconds(), time.monotonic()
    result = generate(bench.seconds)
    wall = time.monotonic() - begin
    nanoseconds = proxy.process.cpu_nanoseconds() - nanoseconds
    user, system = (now - then for now, then in zip(proxy.process.cpu_ticks(), ticks))
    return Sample(
        value=nanoseconds / 1000 / result["requests"],
        details={
            "requests_per_second": _rate(result),
            "p50_us": result["p50"],
            "p90_us": result["p90"],
            "p99_us": result["p99"],
            "busy": nanoseconds / 1e9 / wall,
            "user_share": user / (user + system) if user + system else 0.0,
            "errors": _errors(result),
        },
    )


def _client_command(bench, proxy, mode, connections, seconds, rate=None):
    command = [bench.client_program, mode, str(proxy.port), "--connections", str(connections)]
    command += ["--seconds", str(seconds)]
    return command + (["--rate", str(rate)] if rate else [])


# What a line of figures says beside errors, and the errors that make a measurement worthless: another
# answer than the one asked for, another kind of handshake.
_FIGURES = ("requests", "microseconds", "p50", "p90", "p99")
_FATAL = ("status", "answer", "session")


def _result(proxy, command, output):
    """The figures of the line that starts with "result", which wrk_report.lua and the client print."""
    for line in output.splitlines():
        if line.startswith("result "):
            result = {key: int(value) for key, value in (part.split("=") for part in line.split()[1:])}
            if result["requests"] == 0 or any(result.get(kind) for kind in _FATAL):
                raise BenchError(f"{proxy.name} did not serve {' '.join(command)}: {line}{proxy.process.log_tail()}")
            return result
    raise BenchError(f"{command[0]} printed no result:\n{output}")


def _errors(result):
    return {kind: count for kind, count in result.items() if kind not in _FIGURES and count}


def _sum(*errors):
    return {kind: sum(some.get(kind, 0) for some in errors) for kind in {kind for some in errors for kind in some}}


def _rate(result):
    return result["requests"] * 1e6 / result["microseconds"]


@dataclass(frozen=True)
class IdleClientsLoad:
    """Keeps clients connected, each having had one answer; the value is resident bytes for each.

    Growth is counted from the state after `warm_up` clients, so that code, pools and whatever else is
    there once for all are not in it. Clients come from several loopback addresses, so that their ports
    suffice, and in batches of 50 at once.
    """

    path: str
    clients: int
    warm_up: int
    batch: int = 50

    def run(self, bench, proxy):
        clients = min(self.clients, bench.max_clients)
        open_sockets = []
        try:
            self._open(open_sockets, self.warm_up, proxy.port)
            before = _settled_resident_bytes(proxy.process)
            begin = time.monotonic()
            self._open(open_sockets, clients - self.warm_up, proxy.port)
            seconds = time.monotonic() - begin
            after = _settled_resident_bytes(proxy.process)
            _require_all_open(open_sockets, proxy)
        finally:
            for sock in open_sockets:
                sock.close()
        return Sample(
            value=(after - before) / (clients - self.warm_up),
            details={
                "clients": clients,
                "resident_bytes_before": before,
                "resident_bytes_after": after,
                "opened_per_second": (clients - self.warm_up) / seconds,
            },
        )

    def _open(self, open_sockets, count, port):
        request = f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\n\r\n".encode()
        while count > 0:
            batch = min(self.batch, count)
            count -= batch
            fresh = []
            for _ in range(batch):
                source = f"127.0.1.{1 + len(open_sockets) // 10_000}"
                fresh.append(_connect_from(source, port))
                open_sockets.append(fresh[-1])
            for sock in fresh:
                sock.sendall(request)
            for sock in fresh:
                _read_answer(sock)


def _connect_from(source, port):
    """Leaves the choice of the port to connect(2), which may share one between several targets."""
    ip_bind_address_no_port = 24  # linux/in.h; Python has no name for it
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.settimeout(10)
    sock.setsockopt(socket.IPPROTO_IP, ip_bind_address_no_port, 1)
    sock.bind((source, 0))
    sock.connect(("127.0.0.1", port))
    return sock


def _read_answer(sock):
    received = b""
    while True:
        head, found, body = received.partition(b"\r\n\r\n")
        if found:
            length = next(
                int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-length:")
            )
            if not head.startswith(b"HTTP/1.1 200 "):
                raise BenchError(f"an idle client was answered with {head.splitlines()[0].decode()}")
            if len(body) >= length:
                return
        more = sock.recv(65536)
        if not more:
            raise BenchError("a connection that should idle was closed")
        received += more


def _settled_resident_bytes(process):
    """What the process keeps once it no longer changes (at most 5 s)."""
    deadline = time.monotonic() + 5
    last = process.resident_bytes()
    while time.monotonic() < deadline:
        time.sleep(0.5)
        now = process.resident_bytes()
        if now == last:
            break
        last = now
    return last


def _require_all_open(sockets, proxy):
    for sock in sockets:
        sock.setblocking(False)
        try:
            if sock.recv(1, socket.MSG_PEEK) == b"":
                raise BenchError(f"{proxy.name} closed a client that should idle{proxy.process.log_tail()}")
        except BlockingIOError:
            continue
