"""The rows of the benchmark: what work is done, by whom, and which figure Weir must reach.

A later row is one more entry in ROWS. Work that is not HTTP over TCP brings its own load (a class
with `run(bench, proxy)`, see loads.py) and its own `scenario`, which the peers' configurations know.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from .http2_clients import Http2Connections, Http2Streams
from .idle_clients import IdleClientsLoad
from .loads import ClientLoad, HandshakeStormLoad, Http2Load, HttpLoad
from .routes import ROUTES_PER_HOST
from .upstream_memory import UpstreamMemoryLoad
from .upstreams import Upstreams

MICROSECONDS = "µs/request"
BYTES_PER_CLIENT = "B/client"
BYTES_PER_STREAM = "B/stream"
BYTES_PER_ENDPOINT = "B/endpoint"
MEBIBYTES = "MiB"
MEMORY = (BYTES_PER_CLIENT, BYTES_PER_STREAM, BYTES_PER_ENDPOINT, MEBIBYTES)  # the machine's speed has no part in it
LATENCY = "µs, 99th percentile"  # depends on more than the proxy, so no change of it is a regression


@dataclass(frozen=True)
class Target:
    """`weir <= ratio * best of references`, or `weir <= limit` where there is no reference.

    Without a ratio the references are only compared with. With `row`, Weir is held against itself in
    that row of the same run: `ratio` times, or by no more than `over`, in the row's unit.
    """

    ratio: float = 0.0
    references: tuple = ()
    limit: float = 0.0
    row: str = ""
    over: float = 0.0

    def text(self):
        if self.references and not self.ratio:
            return "–"
        if self.references:
            return f"≤ {self.ratio:.2f} × {' / '.join(self.references)}"
        if self.over:
            return f"≤ its {self.row} + {self.over:g}"
        if self.row:
            return f"≤ {self.ratio:.2f} × its {self.row}"
        return f"≤ {self.limit:g}"


@dataclass(frozen=True)
class Row:
    key: str
    title: str
    load: object
    target: Target
    peers: tuple = ("relay", "nginx", "haproxy", "weir")
    scenario: str = "http"
    unit: str = MICROSECONDS
    upstreams: Upstreams = Upstreams()


# What Chrome sends when a page is loaded again, without cookies: about 700 bytes with the request line.
BROWSER_HEAD = (
    ("Connection", "keep-alive"),
    ("Cache-Control", "max-age=0"),
    ("sec-ch-ua", '"Chromium";v="128", "Not;A=Brand";v="24", "Google Chrome";v="128"'),
    ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-platform", '"Windows"'),
    ("Upgrade-Insecure-Requests", "1"),
    (
        "User-Agent",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/128.0.0.0 Safari/537.36",
    ),
    (
        "Accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,"
        "*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
    ),
    ("Sec-Fetch-Site", "none"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-User", "?1"),
    ("Sec-Fetch-Dest", "document"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-US,en;q=0.9"),
)



def _chain_rows():
    """Next to keepalive, which has none. A filter that does not look at bodies may cost 0.1 µs."""
    for filters in (5, 10):
        yield Row(
            key=f"filters-{filters}",
            title=f"same, {filters} filters that look at each head and let it pass",
            load=HttpLoad(path="/128", connections=64),
            target=Target(row="keepalive", over=0.1 * filters),
            peers=("weir",),
            scenario=f"filters-{filters}",
        )


def _route_rows():
    """The same requests to few virtual hosts and to many, of which each is asked in turn."""
    for hosts in (10, 10_000):
        yield Row(
            key=f"routes-{hosts}",
            title=f"HTTP/1.1 keep-alive, 128 B reply, {hosts} virtual hosts with {ROUTES_PER_HOST} routes each, asked in turns",
            load=HttpLoad(path="/128", connections=64, hosts=hosts),
            target=Target(1.05, row="routes-10") if hosts == 10_000 else Target(references=("nginx",)),
            peers=("nginx", "weir"),
            scenario=f"routes-{hosts}",
        )


def _endpoint_rows():
    """1000 clients in each: then nearly as many requests are under way, and as many connections to the
    origin are in use with one endpoint as with many."""
    for endpoints in (1, 100, 1000):
        yield Row(
            key=f"endpoints-{endpoints}",
            title=f"HTTP/1.1 keep-alive, 128 B reply, 1000 connections, round robin over {endpoints} "
            f"endpoint{'s' if endpoints > 1 else ''}",
            load=HttpLoad(path="/128", connections=1000),
            target=Target(1.03, row="endpoints-1") if endpoints == 1000 else Target(references=("nginx", "haproxy")),
            peers=("nginx", "haproxy", "weir"),
            upstreams=Upstreams(endpoints=endpoints),
        )


def _http2_rows():
    """Each way in (TLS, plain) to each kind of origin, with one busy connection and with several, small and large replies."""
    for scenario, way in (("h2", "HTTP/2 over TLS"), ("h2c", "plain HTTP/2")):
        for origin in ("h1", "h2"):
            for connections, streams in ((8, 16), (1, 100)):
                for size in ("128", "1m"):
                    judged = (scenario, origin, connections, size) == ("h2", "h1", 8, "128")
                    # No HTTP/2 to the origin with nginx.
                    references = ("nginx", "haproxy") if origin == "h1" else ("haproxy",)
                    yield Row(
                        key=f"{scenario}-{origin}-{connections}x{streams}-{size}",
                        title=f"{way}, HTTP/{origin[1]} to the origin, {connections} × {streams} streams, "
                        f"{'128 B' if size == '128' else '1 MiB'} reply",
                        load=Http2Load(path=f"/{size}", connections=connections, streams=streams),
                        target=Target(0.95 if judged else 0.0, references),
                        peers=(*references, "weir"),
                        scenario=scenario if origin == "h1" else f"{scenario}-to-h2",
                    )


MANY_UPSTREAMS = Upstreams(clusters=100, endpoints=100, workers=4)

ROWS = (
    Row(
        key="keepalive",
        title="HTTP/1.1 keep-alive, 128 B reply, 64 connections",
        load=HttpLoad(path="/128", connections=64),
        target=Target(0.85, ("nginx",)),
    ),
    # Next to the one it is held against, so that a slow minute of the machine meets both.
    Row(
        key="plugin-filter",
        title="same, one pass-through plugin filter",
        load=HttpLoad(path="/128", connections=64),
        target=Target(row="keepalive", over=0.15),
        peers=("weir",),
        scenario="plugin",
    ),
    *_chain_rows(),
    *_route_rows(),
    Row(
        key="browser",
        title="same as first, browser-sized request head (~700 B)",
        load=HttpLoad(path="/128", connections=64, headers=BROWSER_HEAD),
        target=Target(0.78, ("nginx",)),
    ),
    Row(
        key="conns1000",
        title="same as first, 1000 connections",
        load=HttpLoad(path="/128", connections=1000),
        target=Target(0.80, ("nginx",)),
    ),
    Row(
        key="newconn",
        title="a new client connection per request",
        load=HttpLoad(path="/128", connections=64, headers=(("Connection", "close"),)),
        target=Target(0.90, ("nginx",)),
        peers=("nginx", "haproxy", "weir"),
    ),
    Row(
        key="large",
        title="1 MiB reply over HTTP/1.1",
        load=HttpLoad(path="/1m", connections=16),
        target=Target(0.90, ("haproxy-tuned",)),
        peers=("relay", "nginx", "haproxy", "haproxy-tuned", "weir"),
    ),
    Row(
        key="tls",
        title="TLS 1.3 keep-alive, 128 B reply, 64 connections",
        load=HttpLoad(path="/128", connections=64),
        target=Target(0.85, ("nginx",)),
        peers=("nginx", "haproxy", "weir"),
        scenario="tls",
    ),
    Row(
        key="tls-handshake",
        title="TLS 1.3 full handshake per request (P-256)",
        load=ClientLoad("tls-full", connections=64),
        target=Target(0.72, ("nginx",)),
        peers=("nginx", "haproxy", "weir"),
        scenario="tls",
    ),
    Row(
        key="tls-resumed",
        title="TLS 1.3 resumed handshake per request",
        load=ClientLoad("tls-resumed", connections=64),
        target=Target(references=("nginx",)),
        peers=("nginx", "haproxy", "weir"),
        scenario="tls",
    ),
    Row(
        key="tls-large",
        title="1 MiB reply over TLS",
        load=HttpLoad(path="/1m", connections=16),
        target=Target(0.90, ("nginx",)),
        peers=("nginx", "haproxy", "weir"),
        scenario="tls",
    ),
    Row(
        key="handshake-storm",
        title="keep-alive requests over TLS beside 1000 full handshakes a second",
        load=HandshakeStormLoad(connections=64, requests_per_second=2000, handshakes_per_second=1000),
        target=Target(references=("nginx",)),
        peers=("nginx", "haproxy", "weir"),
        scenario="tls",
        unit=LATENCY,
    ),
    Row(
        key="lua-headers",
        title="one Lua script on request heads: a field is read, another set",
        load=HttpLoad(path="/128", connections=64),
        target=Target(0.75, ("nginx",)),
        peers=("nginx", "weir"),
        scenario="lua-headers",
    ),
    Row(
        key="lua-body",
        title="a Lua script changes the body of each 128 B reply",
        load=HttpLoad(path="/128", connections=64),
        target=Target(references=("nginx",)),
        peers=("nginx", "weir"),
        scenario="lua-body",
    ),
    Row(
        key="gzip",
        title="64 KiB of text, compressed by gzip, level 5",
        load=HttpLoad(path="/text", connections=16, headers=(("Accept-Encoding", "gzip"),)),
        target=Target(references=("nginx",)),
        peers=("nginx", "weir"),
        scenario="gzip",
    ),
    Row(
        key="cache-hit",
        title="128 B reply from the cache, 64 connections",
        load=HttpLoad(path="/cacheable", connections=64),
        target=Target(0.80, ("nginx",)),
        peers=("nginx", "weir"),
        scenario="cache",
    ),
    *_endpoint_rows(),
    *_http2_rows(),
    Row(
        key="tcp",
        title="TCP proxy, 128 B messages, 64 connections",
        load=ClientLoad("tcp", connections=64),
        target=Target(1.00, ("nginx",)),
        scenario="tcp",
    ),
    Row(
        key="tcp-large",
        title="TCP proxy, 1 MiB transfers",
        load=HttpLoad(path="/1m", connections=16),
        target=Target(0.90, ("haproxy-tuned",)),
        peers=("relay", "nginx", "haproxy", "haproxy-tuned", "weir"),
        scenario="tcp",
    ),
    Row(
        key="udp",
        title="UDP proxy, 128 B datagrams, 64 clients",
        load=ClientLoad("udp", connections=64),
        target=Target(references=("nginx",)),
        peers=("nginx", "weir"),
        scenario="udp",
    ),
    Row(
        key="idle",
        title="resident bytes per idle keep-alive client",
        load=IdleClientsLoad(path="/128", clients=20_000, warm_up=500),
        target=Target(limit=600),
        peers=("nginx", "haproxy", "weir"),
        unit=BYTES_PER_CLIENT,
    ),
    Row(
        key="h2-idle",
        title="resident bytes per idle HTTP/2 connection",
        load=IdleClientsLoad(path="/128", clients=5_000, warm_up=500, protocol=Http2Connections()),
        target=Target(references=("nginx", "haproxy")),
        peers=("nginx", "haproxy", "weir"),
        scenario="h2c",
        unit=BYTES_PER_CLIENT,
    ),
    Row(
        key="h2-streams",
        title="resident bytes per HTTP/2 request whose body does not come, to an HTTP/2 origin, 100 on a connection",
        load=IdleClientsLoad(path="/128", clients=5_000, warm_up=500, protocol=Http2Streams(per_connection=100)),
        target=Target(references=("haproxy",)),
        peers=("haproxy", "weir"),
        scenario="h2c-to-h2",
        unit=BYTES_PER_STREAM,
    ),
    Row(
        key="endpoint-bytes",
        title="resident bytes per endpoint, 100 clusters of 100, four workers, idle",
        load=UpstreamMemoryLoad(MANY_UPSTREAMS),
        target=Target(limit=1024),
        peers=("nginx", "haproxy", "weir"),
        unit=BYTES_PER_ENDPOINT,
        upstreams=MANY_UPSTREAMS,
    ),
    Row(
        key="endpoint-memory",
        title="the same proxy in all",
        load=UpstreamMemoryLoad(MANY_UPSTREAMS, in_all=True),
        target=Target(limit=64),
        peers=("nginx", "haproxy", "weir"),
        unit=MEBIBYTES,
        upstreams=MANY_UPSTREAMS,
    ),
)


def rows_named(names):
    """The rows with these keys (or patterns: "h2*"), in the table's order; ValueError names what is unknown."""
    unknown = [name for name in names if not any(fnmatchcase(row.key, name) for row in ROWS)]
    if unknown:
        raise ValueError(f"no row named {', '.join(unknown)}; there are {', '.join(r.key for r in ROWS)}")
    return [row for row in ROWS if any(fnmatchcase(row.key, name) for name in names)]
