"""What is behind a proxy: so many clusters of so many endpoints, all of them the same origin."""

from dataclasses import dataclass

_ADDRESSES_PER_NET = 250


@dataclass(frozen=True)
class Upstreams:
    """Requests go to the first cluster; the others only are there."""

    clusters: int = 1
    endpoints: int = 2  # of each cluster
    workers: int = 1

    def named(self, ports):
        """[(name of the cluster, its endpoints' addresses)]; every endpoint has an address of its own."""
        names = ["origin", *(f"idle{number}" for number in range(1, self.clusters))]
        return [
            (name, [_address(number * self.endpoints + i, ports) for i in range(self.endpoints)])
            for number, name in enumerate(names)
        ]


def _address(number, ports):
    """The ports take turns; then comes the next loopback address."""
    port, host = ports[number % len(ports)], number // len(ports)
    return f"127.0.{host // _ADDRESSES_PER_NET}.{1 + host % _ADDRESSES_PER_NET}:{port}"
