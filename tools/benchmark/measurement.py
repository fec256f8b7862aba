"""The run: interleaved rounds over rows and peers, each measurement on a freshly started proxy."""

import os
import statistics
import sys
from dataclasses import dataclass, field

from .origins import Http2Origin
from .processes import BenchError, Process, established_to, raise_descriptor_limit
from .tls import Certificate

# Descriptors a proxy needs beside its clients: connections to the origin, its own files.
SPARE_FILES = 1500


class Bench:
    """What every measurement shares: the two cores, the origin, the client, folders, limits, a certificate."""

    def __init__(self, folder, origin_program, client_program, seconds):
        self.seconds = seconds
        self.max_files = raise_descriptor_limit()
        self.max_clients = self.max_files - SPARE_FILES
        self.load_core, self.proxy_core = _choose_cores()
        self._folder = folder
        self._origin_program = origin_program
        self._origin = None
        self.client_program = client_program
        self.origin_ports = []
        self._certificate = None
        self._http2_origin = None

    def __enter__(self):
        # The idle clients are in this process.
        os.sched_setaffinity(0, {self.load_core})
        self._origin = Process(
            [self._origin_program, "2"], self.load_core, self.log_path("origin"), read_output=True
        )
        try:
            self.origin_ports = [int(port) for port in self._origin.read_line().split()]
        except BaseException:
            self._origin.stop()
            raise
        return self

    def __exit__(self, *_):
        self._origin.stop()
        if self._http2_origin is not None:
            self._http2_origin.stop()

    def folder(self, name):
        path = os.path.join(self._folder, name)
        os.makedirs(path, exist_ok=True)
        return path

    def certificate(self):
        """What all proxies show to TLS clients; made when it is first asked for."""
        if self._certificate is None:
            self._certificate = Certificate.make(self.folder("tls"))
        return self._certificate

    def http2_origin_ports(self):
        """Two ports of an origin that speaks HTTP/2; started when it is first asked for."""
        if self._http2_origin is None:
            self._http2_origin = Http2Origin(self)
        return self._http2_origin.ports

    def upstream_connections(self):
        """How many connections to the origin there are."""
        ports = self.origin_ports + (self._http2_origin.ports if self._http2_origin is not None else [])
        return established_to(ports)

    def log_path(self, name):
        return os.path.join(self.folder(name), "log")

    def measure(self, row, peer):
        proxy = peer.start(self, row.scenario, row.upstreams)
        try:
            return row.load.run(self, proxy)
        finally:
            proxy.process.stop()


@dataclass
class Result:
    """All samples of one peer in one row, in the order of the rounds."""

    samples: list = field(default_factory=list)

    def value(self):
        return statistics.median(sample.value for sample in self.samples)

    def spread(self):
        """Half of the range over the median: how far to trust the value."""
        values = [sample.value for sample in self.samples]
        return (max(values) - min(values)) / 2 / self.value() if self.value() else 0.0

    def detail(self, name):
        """The median of a detail, None when the load has no such detail."""
        values = [sample.details[name] for sample in self.samples if name in sample.details]
        return statistics.median(values) if values else None

    def errors(self):
        """Errors the load generator saw, by kind, summed over the rounds."""
        total = {}
        for sample in self.samples:
            for kind, count in sample.details.get("errors", {}).items():
                total[kind] = total.get(kind, 0) + count
        return total


def steps_of(rows, peers):
    """The measurements of a round: each row with each peer that can do its work."""
    return [(row, peer) for row in rows for peer in peers if peer.name in row.peers and row.scenario in peer.scenarios]


def run_rounds(bench, rows, peers, rounds, progress):
    """{row.key: {peer.name: Result}}; a peer that fails in a row is left out of it, and said."""
    results = {row.key: {} for row in rows}
    failed = set()
    steps = steps_of(rows, peers)
    for number in range(1, rounds + 1):
        for row, peer in steps:
            if (row.key, peer.name) in failed:
                continue
            progress.begin(number, rounds, row, peer)
            try:
                sample = bench.measure(row, peer)
            except BenchError as error:
                failed.add((row.key, peer.name))
                results[row.key].pop(peer.name, None)
                progress.failed(error)
                continue
            results[row.key].setdefault(peer.name, Result()).samples.append(sample)
            progress.done(row, sample)
    return results, sorted(failed)


class Progress:
    """One line for each measurement on standard error."""

    def __init__(self, steps, stream=sys.stderr):
        self._stream = stream
        self._total = steps
        self._count = 0

    def begin(self, number, rounds, row, peer):
        self._count += 1
        self._print(f"[{self._count:3}/{self._total}] round {number}/{rounds}  {row.key:<15} {peer.name:<14}", end="")

    def done(self, row, sample):
        rate = sample.details.get("requests_per_second")
        self._print(f"{sample.value:8.2f} {row.unit}" + (f"  {rate:9.0f}/s" if rate else ""))

    def failed(self, error):
        self._print(f"FAILED: {error}")

    def _print(self, text, end="\n"):
        print(text, end=end, file=self._stream, flush=True)


def _choose_cores():
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise BenchError("the bench needs two cores: one for the proxy alone, one for load and origin")
    return cores[0], cores[1]
