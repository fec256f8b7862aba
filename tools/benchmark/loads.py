"""Loads: the work that is laid on a proxy while the kernel counts what it costs.

A load has `run(bench, proxy)`, where `proxy` is a running Proxy (peers.py) and `bench` the Bench
(measurement.py) with cores, seconds and folders. It returns a Sample.
"""

import os
import re
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
    """wrk with one thread; the value is the proxy's CPU microseconds per completed request.

    `hosts`: requests go to so many of routes.py in turns; 0: to the proxy's address.
    """

    path: str
    connections: int
    headers: tuple = ()
    hosts: int = 0

    def run(self, bench, proxy):
        return _cpu_per_request(bench, proxy, lambda seconds: self._wrk(bench, proxy, seconds))

    def _wrk(self, bench, proxy, seconds):
        command = ["wrk", "-t1", f"-c{self.connections}", f"-d{seconds}s", "--timeout", "10s", "-s", WRK_REPORT]
        for name, value in self.headers:
            command += ["-H", f"{name}: {value}"]
        command.append(proxy.url(self.path))
        if self.hosts:
            command += ["--", str(self.hosts)]
        with Process(command, bench.load_core, bench.log_path("wrk"), read_output=True) as wrk:
            return _result(proxy, command, wrk.finish(timeout=seconds + 15))


@dataclass(frozen=True)
class Http2Load:
    """h2load with one thread, so many connections with so many requests under way on each; the value as of HttpLoad."""

    path: str
    connections: int
    streams: int

    def run(self, bench, proxy):
        return _cpu_per_request(bench, proxy, lambda seconds: self._h2load(bench, proxy, seconds))

    def _h2load(self, bench, proxy, seconds):
        command = ["h2load", "-t1", f"-c{self.connections}", f"-m{self.streams}", f"-D{seconds}", proxy.url(self.path)]
        with Process(command, bench.load_core, bench.log_path("h2load"), read_output=True) as h2load:
            return _result(proxy, command, h2load_result(h2load.finish(timeout=seconds + 15), seconds))


def h2load_result(output, seconds):
    """What h2load printed, as the line of figures that the other clients print. It has no percentiles, but the mean."""
    counts = r"requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout"
    done = re.search(counts, output)
    mean = re.search(r"time for request:\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)\s", output)
    if not done or not mean:
        raise BenchError(f"h2load printed no result:\n{output}")
    succeeded, failed, errored, timeouts = (int(group) for group in done.groups())
    latency = int(float(mean.group(1)) * {"us": 1, "ms": 1e3, "s": 1e6}[mean.group(2)])
    figures = f"requests={succeeded} microseconds={seconds * 1_000_000} mean={latency}"
    return f"result {figures} failed={failed} errored={errored} timeouts={timeouts}"


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
    upstream_connections = bench.upstream_connections()
    return Sample(
        value=nanoseconds / 1000 / result["requests"],
        details={
            "requests_per_second": _rate(result),
            **{f"{name}_us": result[name] for name in ("p50", "p90", "p99", "mean") if name in result},
            "busy": nanoseconds / 1e9 / wall,
            "user_share": user / (user + system) if user + system else 0.0,
            "upstream_connections": upstream_connections,
            "errors": _errors(result),
        },
    )


def _client_command(bench, proxy, mode, connections, seconds, rate=None):
    command = [bench.client_program, mode, str(proxy.port), "--connections", str(connections)]
    command += ["--seconds", str(seconds)]
    return command + (["--rate", str(rate)] if rate else [])


# What a line of figures says beside errors, and the errors that make a measurement worthless: another
# answer than the one asked for, another kind of handshake.
_FIGURES = ("requests", "microseconds", "p50", "p90", "p99", "mean")
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
