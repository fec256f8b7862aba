"""The proxies that are measured: how each is found, configured and started.

All do the same work: the same endpoints (two, unless the row says otherwise), keep-alive to them, X-Forwarded-For, X-Forwarded-Proto and a
request id added, no access log; with TLS the same version, suite and certificate. readiness.py
checks at every start that it is so.
"""

import os
import subprocess
from dataclasses import dataclass
from string import Template

from . import nginx_modules, programs, readiness, routes, tls
from .processes import BenchError, Process, free_ports
from .upstreams import Upstreams

TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers")

# What a proxy can be asked to do. Those of HTTP come from the same template: with TLS on the listener or
# without, HTTP/1 or HTTP/2 to clients, and to the origin.
HTTP1_SCENARIOS = ("http", "tls")
HTTP2_SCENARIOS = ("h2c", "h2")
HTTP2_ORIGIN_SCENARIOS = ("h2c-to-h2", "h2-to-h2")
# Plain HTTP/1 with a script, the same work in each proxy's words.
LUA_SCENARIOS = ("lua-headers", "lua-body")
# Plain HTTP/1 with something that both do: compression, a cache.
FEATURE_SCENARIOS = ("gzip", "cache")
# So many filters of Weir that look at heads alone and let everything pass.
CHAIN_SCENARIOS = {"filters-5": 5, "filters-10": 10}
# So many virtual hosts with a few routes each (routes.py).
ROUTE_SCENARIOS = {"routes-10": 10, "routes-10000": 10_000}
# Plain HTTP/1 with filters: those, scripts, and a plugin that does nothing.
FILTER_SCENARIOS = (*LUA_SCENARIOS, *FEATURE_SCENARIOS, *CHAIN_SCENARIOS, "plugin")
# Plain HTTP/1 that has more than the listener and the origin.
PLAIN_SCENARIOS = (*FILTER_SCENARIOS, *ROUTE_SCENARIOS)
HTTP_SCENARIOS = (*HTTP1_SCENARIOS, *HTTP2_SCENARIOS, *HTTP2_ORIGIN_SCENARIOS)
SECURE_SCENARIOS = ("tls", "h2", "h2-to-h2")


@dataclass
class Proxy:
    """A running, checked proxy."""

    name: str
    process: Process
    port: int
    scenario: str = "http"
    start_another: object = None  # Upstreams -> a Proxy like this one in front of them

    def url(self, path):
        scheme = "https" if self.scenario in SECURE_SCENARIOS else "http"
        return f"{scheme}://127.0.0.1:{self.port}{path}"


class Peer:
    """One column of the table. A subclass says how to start it; `scenarios` what it can be."""

    scenarios = ("http",)
    adds_fields = True

    def __init__(self, name, family, program):
        self.name = name
        self.family = family
        self.program = program

    def installed(self):
        return self.program is not None

    def version(self):
        return ""

    def command(self, bench, scenario, folder, upstreams):
        """The command line and the port it will listen on; None when the process prints the port."""
        raise NotImplementedError

    def start(self, bench, scenario, upstreams=Upstreams()):
        """A Proxy that answers through the origin. The caller stops `proxy.process`."""
        folder = bench.folder(self.name)
        command, port = self.command(bench, scenario, folder, upstreams)
        process = Process(command, bench.proxy_core, os.path.join(folder, "log"), read_output=port is None)
        try:
            if port is None:
                port = int(process.read_line())
            proxy = Proxy(self.name, process, port, scenario, lambda other: self.start(bench, scenario, other))
            readiness.wait_until_serving(proxy, self.adds_fields)
        except BaseException:
            process.stop()
            raise
        return proxy


class Relay(Peer):
    """Copies bytes to one origin port without looking at them: the floor."""

    scenarios = ("http", "tcp")
    adds_fields = False

    def command(self, bench, scenario, folder, upstreams):
        return [self.program, str(bench.origin_ports[0])], None


class ConfiguredPeer(Peer):
    """A proxy that reads a file made from a template in tools/benchmark/peers/."""

    def __init__(self, name, family, program, template, version_arguments, extra=None):
        super().__init__(name, family, program)
        self._template = template
        self._version_arguments = version_arguments
        self._extra = extra or {}

    def version(self):
        return _first_line([self.program, *self._version_arguments])

    def command(self, bench, scenario, folder, upstreams):
        port, admin_port = free_ports(2)
        as_http = scenario in (*HTTP_SCENARIOS, *PLAIN_SCENARIOS)
        path = os.path.join(folder, self._template.format(scenario="http" if as_http else scenario))
        http2_origin = scenario in HTTP2_ORIGIN_SCENARIOS
        origin_ports = bench.http2_origin_ports() if http2_origin else bench.origin_ports
        clusters = upstreams.named(origin_ports)
        values = {
            "PORT": port,
            "ADMIN_PORT": admin_port,
            "ORIGIN_A": f"127.0.0.1:{origin_ports[0]}",
            "ORIGIN_B": f"127.0.0.1:{origin_ports[1]}",
            "MAX_CLIENTS": bench.max_clients + 100,
            "MAX_FILES": bench.max_files,
            "WORKERS": upstreams.workers,
            "CLUSTERS": "\n".join(self.cluster(name, addresses, http2_origin) for name, addresses in clusters),
            "FOLDER": folder,
            **self._extra,
            **self.filter_values(scenario, folder),
            **self.route_values(ROUTE_SCENARIOS.get(scenario, 0), port),
            **self.listener_values(
                bench.certificate() if scenario in SECURE_SCENARIOS else None,
                scenario not in (*HTTP1_SCENARIOS, *PLAIN_SCENARIOS),
            ),
        }
        with open(os.path.join(TEMPLATES, os.path.basename(path))) as template:
            text = Template(template.read()).substitute(values)
        with open(path, "w") as file:
            file.write(text)
        return self.arguments(path, folder), port

    def arguments(self, path, folder):
        raise NotImplementedError

    def listener_values(self, certificate, http2):
        """What the template says about the listener: TLS with this certificate, plain when it is None."""
        raise NotImplementedError

    def filter_values(self, scenario, folder):
        """What the template says of filters; those of FILTER_SCENARIOS have some."""
        return {}

    def route_values(self, hosts, port):
        """What it says of so many virtual hosts of routes.py."""
        return {}

    def cluster(self, name, addresses, http2):
        """What it says about a cluster of these endpoints, to which HTTP/2 is spoken or HTTP/1."""
        raise NotImplementedError


class Nginx(ConfiguredPeer):
    def __init__(self, program, modules=None):
        """`modules`: a folder with the Lua module, which then need not be installed."""
        stream = nginx_modules.stream(program) if program else None
        super().__init__("nginx", "nginx", program, "nginx-{scenario}.conf", ["-v"], {"STREAM_MODULE": stream or ""})
        if modules:
            self._lua = nginx_modules.unpacked_lua(modules)
        else:
            self._lua = nginx_modules.installed_lua(program) if program else None
        self.scenarios = (
            *HTTP1_SCENARIOS,
            *HTTP2_SCENARIOS,
            *FEATURE_SCENARIOS,
            *ROUTE_SCENARIOS,
            *(() if stream is None else ("tcp", "udp")),
            *(() if self._lua is None else LUA_SCENARIOS),
        )

    def filter_values(self, scenario, folder):
        values = {"LUA_MODULES": "", "HTTP_SETTINGS": "", "LOCATION_SETTINGS": ""}
        if scenario in LUA_SCENARIOS:
            values["LUA_MODULES"] = self._lua.load
            values["HTTP_SETTINGS"] = self._lua.package_path
            values["LOCATION_SETTINGS"] = _NGINX_SCRIPTS[scenario]
        if scenario == "gzip":
            values["LOCATION_SETTINGS"] = _NGINX_GZIP
        if scenario == "cache":
            values["HTTP_SETTINGS"] = f"proxy_cache_path {folder}/cache levels=1:2 keys_zone=all:10m max_size=64m;"
            values["LOCATION_SETTINGS"] = "proxy_cache all;"
        return values

    def route_values(self, hosts, port):
        return {"SERVERS": routes.nginx(hosts, port) if hosts else ""}

    def listener_values(self, certificate, http2):
        options = (" ssl" if certificate else "") + (" http2" if http2 else "")
        return {"LISTEN_OPTIONS": options, "TLS_SETTINGS": tls.nginx_settings(certificate) if certificate else ""}

    def cluster(self, name, addresses, http2):
        # As many connections as requests can be under way, and one for each endpoint besides.
        return "\n        ".join(
            [
                f"upstream {name} {{",
                *(f"    server {address};" for address in addresses),
                f"    keepalive {1024 + len(addresses)};",
                "    keepalive_requests 1000000000;",
                "    keepalive_timeout 600s;",
                "}",
            ]
        )

    def arguments(self, path, folder):
        libraries = self._lua.libraries if self._lua else ""
        environment = ["env", f"LD_LIBRARY_PATH={libraries}"] if libraries else []
        return [*environment, self.program, "-p", folder, "-e", os.path.join(folder, "log"), "-c", path]


class HaProxy(ConfiguredPeer):
    scenarios = (*HTTP_SCENARIOS, "tcp")

    def listener_values(self, certificate, http2):
        if certificate is None:
            return {"BIND_OPTIONS": "proto h2" if http2 else "", "SCHEME": "http"}
        alpn = " alpn h2,http/1.1" if http2 else ""
        return {"BIND_OPTIONS": tls.haproxy_bind(certificate) + alpn, "SCHEME": "https"}

    def cluster(self, name, addresses, http2):
        options = " proto h2" if http2 else ""
        servers = (f"    server s{number} {address}{options}" for number, address in enumerate(addresses))
        return "\n".join([f"backend {name}", "    balance roundrobin", *servers, ""])

    def arguments(self, path, folder):
        return [self.program, "-db", "-q", "-f", path]


class Weir(ConfiguredPeer):
    scenarios = (*HTTP_SCENARIOS, *PLAIN_SCENARIOS, "tcp", "udp")

    def __init__(self, program, plugin=None):
        """`plugin`: the shared object of pass_through_plugin.c."""
        super().__init__("weir", "weir", program, "weir-{scenario}.textproto", ["version"])
        self._plugin = plugin

    def filter_values(self, scenario, folder):
        if scenario in CHAIN_SCENARIOS:
            filters = (_WEIR_PASS_FILTER.format(number) for number in range(CHAIN_SCENARIOS[scenario]))
            return {"PLUGINS": "", "HTTP_FILTERS": "\n        ".join(filters)}
        if scenario in FEATURE_SCENARIOS:
            return {"PLUGINS": "", "HTTP_FILTERS": _WEIR_FEATURES[scenario]}
        if scenario in LUA_SCENARIOS:
            return {"PLUGINS": "", "HTTP_FILTERS": _WEIR_LUA_FILTER.format(_WEIR_SCRIPTS[scenario])}
        if scenario == "plugin":
            loading = f'plugins {{ name: "pass_through" path: "{self._plugin}" }}'
            return {"PLUGINS": loading, "HTTP_FILTERS": _WEIR_PLUGIN_FILTER}
        return {"PLUGINS": "", "HTTP_FILTERS": ""}

    def route_values(self, hosts, port):
        return {"VIRTUAL_HOSTS": routes.weir(hosts)}

    def listener_values(self, certificate, http2):
        return {"TRANSPORT_SOCKET": tls.weir_transport_socket(certificate) if certificate else ""}

    def cluster(self, name, addresses, http2):
        endpoints = (f'  endpoints {{ address: "{address}" }}' for address in addresses)
        options = ["  http_protocol: HTTP_PROTOCOL_HTTP2"] if http2 else []
        # As nginx's `keepalive`.
        options.append(f"  max_connections: {1024 + len(addresses)}")
        return "\n".join(["clusters {", f'  name: "{name}"', *endpoints, *options, "}"])

    def arguments(self, path, folder):
        checked = subprocess.run(
            [self.program, "check", "-c", path], capture_output=True, text=True, timeout=30, check=False
        )
        if checked.returncode != 0:
            raise BenchError(f"weir check refuses {path}:\n{checked.stdout}{checked.stderr}")
        return [self.program, "run", "-c", path]


# What makes HAProxy move bodies with splice(2) through large pipes (performance.md, footnote 3).
_SPLICE = {
    "GLOBAL_TUNING": "tune.pipesize 262144",
    "DEFAULTS_TUNING": "option splice-request\n    option splice-response",
}
_NO_SPLICE = {"GLOBAL_TUNING": "", "DEFAULTS_TUNING": ""}


# Takes a field of the request and sets another from it; puts a byte behind the body of the response.
_NGINX_SCRIPTS = {
    "lua-headers": """access_by_lua_block {
                local headers = ngx.req.get_headers()
                ngx.req.set_header("X-Tag", headers["host"])
            }""",
    "lua-body": """header_filter_by_lua_block { ngx.header.content_length = nil }
            body_filter_by_lua_block {
                if ngx.arg[2] then ngx.arg[1] = ngx.arg[1] .. "!" end
            }""",
}
_WEIR_SCRIPTS = {
    "lua-headers": "function envoy_on_request(handle) local headers = handle:headers() "
    "headers:replace('x-tag', headers:get('host')) end",
    "lua-body": "function envoy_on_response(handle) local body = handle:body() "
    "if body then body:setBytes(body:getBytes(0, body:length()) .. '!') end end",
}
_WEIR_LUA_FILTER = (
    "http_filters {{ config {{ [type.googleapis.com/weir.extensions.http_filters.lua.v1.Lua] "
    '{{ script {{ inline: "{}" }} }} }} }}'
)
# Each looks an address up, finds nothing against it, and has no wish to see the body.
_WEIR_PASS_FILTER = (
    'http_filters {{ name: "pass-{0}" config {{ [http_filters/ip_filter] {{ stat_prefix: "pass-{0}" '
    'deny: "203.0.113.0/24" }} }} }}'
)
# The same level, and for every client that takes gzip.
_NGINX_GZIP = "gzip on; gzip_comp_level 5; gzip_types *; gzip_proxied any; gzip_http_version 1.0; gzip_vary on;"
_WEIR_FEATURES = {
    "gzip": "http_filters { config { [http_filters/compressor] { codings: GZIP gzip { level: 5 } } } }",
    "cache": "http_filters { config { [http_filters/cache] { no_status: true } } }",
}
_WEIR_PLUGIN_FILTER = "http_filters { config { [http_filters/pass_through] {} } }"


def all_peers(relay=None, weir=None, plugin=None, modules=None):
    """Every peer in the order of the table; what is not installed says so through installed().

    `plugin` is for Weir, `modules` for nginx.
    """
    nginx, haproxy = programs.find("nginx"), programs.find("haproxy")
    return [
        Relay("relay", "relay", relay),
        Nginx(nginx, modules),
        HaProxy("haproxy", "haproxy", haproxy, "haproxy-{scenario}.cfg", ["-v"], _NO_SPLICE),
        HaProxy("haproxy-tuned", "haproxy", haproxy, "haproxy-{scenario}.cfg", ["-v"], _SPLICE),
        Weir(weir, plugin),
    ]


FAMILIES = ("relay", "nginx", "haproxy", "weir")


def _first_line(command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    lines = (result.stdout + result.stderr).strip().splitlines()
    return lines[0] if lines else ""
