"""What a proxy keeps in memory for clusters and endpoints that nobody uses."""

from dataclasses import dataclass

from .loads import Sample
from .processes import settled_resident_bytes
from .upstreams import Upstreams


@dataclass(frozen=True)
class UpstreamMemoryLoad:
    """No load: the proxy has answered one request and rests.

    The value is its resident bytes for each endpoint, what it has with a single one not counted, or
    (`in_all`) all of them in MiB.
    """

    upstreams: Upstreams
    in_all: bool = False

    def run(self, bench, proxy):
        resident = settled_resident_bytes(proxy.process)
        if self.in_all:
            return Sample(value=resident / (1 << 20), details={"resident_bytes": resident})
        # One after the other: two of the same program would share its pages.
        proxy.process.stop()
        least = proxy.start_another(Upstreams(clusters=1, endpoints=1, workers=self.upstreams.workers))
        try:
            base = settled_resident_bytes(least.process)
        finally:
            least.process.stop()
        endpoints = self.upstreams.clusters * self.upstreams.endpoints
        return Sample(
            value=(resident - base) / (endpoints - 1),
            details={"resident_bytes": resident, "resident_bytes_with_one": base},
        )
