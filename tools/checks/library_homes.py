"""One third-party library, one folder: where its headers may be included and whether its types may leave."""

import dataclasses
import re

from tools.checks import cpp
from tools.checks.repository import Finding

NAME = "library_homes"
ABOUT = "third-party headers stay in their one folder and out of what that folder shows to others"


@dataclasses.dataclass(frozen=True)
class Library:
    name: str
    headers: str  # regular expression on the included path
    homes: tuple  # regular expressions on the including path, from its start
    public: bool = False  # whether headers of the home may show its types to other folders


LIBRARIES = (
    Library("libuv", r"uv\.h|uv/", (r"source/event/",)),
    Library("RE2", r"re2/", (r"source/base/",)),
    Library("llhttp", r"llhttp\.h", (r"source/http/http1/",)),
    Library("nghttp2", r"nghttp2/", (r"source/http/http2/",)),
    Library("c-ares", r"ares(_\w+)?\.h", (r"source/network/",)),
    Library("spdlog", r"spdlog/|fmt/", (r"source/base/",)),
    Library("BoringSSL", r"openssl/", (r"extensions/transport_sockets/(tls|upstream_tls|common)/", r"extensions/http_filters/(jwt_auth|basic_auth|api_key|oauth2)/", r"extensions/stickiness/", r"source/http/websocket\.cc", r"source/lua/library_crypto\.cc", r"extensions/http_filters/lua/signature\.cc", r"source/plugin/")),
    Library(
        "Protobuf",
        r"google/protobuf/",
        (
            r"source/(config|control|grpc|plugin|server|exe)/",
            r"extensions/\w+/\w+/config\.(h|cc)",
            r"extensions/config_stores/",
            r"extensions/http_filters/grpc_json_transcoder/",  # messages are what it is about
        ),
        public=True,
    ),
    Library("nlohmann-json", r"nlohmann/", (r"source/(config|control|explain|server)/", r"extensions/access_loggers/",
                                        r"extensions/http_filters/body_matcher/")),
    Library("LuaJIT", r"lua(\w*)\.h(pp)?|lauxlib\.h|luajit-2\.1/", (r"source/lua/", r"extensions/\w+/lua/")),
    Library("hiredis", r"hiredis(/|\.h)", (r"source/redis/", r"extensions/config_stores/")),
    Library("SQLite", r"sqlite3\.h", (r"extensions/config_stores/sqlite/",)),
    Library("zlib, Brotli, zstd", r"zlib\.h|brotli/|zstd\.h", (r"extensions/http_filters/\w*compress\w*/", r"extensions/http_filters/common/")),
)


def _home(library, path):
    return any(re.match(home, path) for home in library.homes)


def _outside_users(repository, library, header, users):
    """Files outside the home that see `header`, directly or through other headers."""
    seen, waiting, outside = {header}, [header], []
    while waiting:
        for user in users.get(waiting.pop(), ()):
            if user in seen:
                continue
            seen.add(user)
            if not _home(library, user):
                outside.append(user)
            elif user.endswith(".h"):
                waiting.append(user)
    return sorted(outside)


def check(repository):
    findings = []
    paths = repository.ending(*cpp.SUFFIXES, under=("source/", "extensions/"))
    included = {path: cpp.includes(repository.text(path)) for path in paths}
    users = {}
    for path, entries in included.items():
        for _, target, _ in entries:
            users.setdefault(target, []).append(path)
    for path, entries in included.items():
        lines = repository.lines(path)
        for line, target, _ in entries:
            for library in LIBRARIES:
                if not re.match(library.headers, target) or cpp.allowed(lines[line - 1], NAME):
                    continue
                if not _home(library, path):
                    homes = " or ".join(home.replace("\\", "") for home in library.homes)
                    findings.append(Finding(path, line, f"includes {library.name} (<{target}>); its home is {homes}"))
                elif path.endswith(".h") and not library.public:
                    outside = _outside_users(repository, library, path, users)
                    if outside:
                        findings.append(
                            Finding(
                                path,
                                line,
                                f"shows {library.name} (<{target}>) to {outside[0]}; "
                                "include it in a .cc or a header that only this folder uses",
                            )
                        )
    return findings
