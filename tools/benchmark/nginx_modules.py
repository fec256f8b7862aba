"""nginx's loadable modules: what is built in, installed, or unpacked into a folder of its own."""

import glob
import os
import re
import subprocess
from dataclasses import dataclass

from .processes import BenchError

_LUA = ("ndk_http_module.so", "ngx_http_lua_module.so")


@dataclass(frozen=True)
class LuaModules:
    """What a configuration says to have Lua; `libraries`: the folder where LuaJIT is, "" for the system's."""

    load: str
    package_path: str = ""
    libraries: str = ""


def stream(program):
    """The line that loads the stream module, "" when it is built in, None when there is none."""
    built = _built(program)
    if re.search(r"--with-stream(\s|$)", built):
        return ""
    path = os.path.join(_folder(built), "ngx_stream_module.so")
    return f"load_module {path};" if os.path.exists(path) else None


def installed_lua(program):
    """The LuaModules that are installed, None when they are not."""
    paths = [os.path.join(_folder(_built(program)), name) for name in _LUA]
    return LuaModules(_loading(paths)) if all(map(os.path.exists, paths)) else None


def unpacked_lua(folder):
    """The LuaModules of Debian's packages that were unpacked into this folder; BenchError says what is missing."""
    folder = os.path.abspath(folder)
    paths = [_only(folder, os.path.join("usr/lib/nginx/modules", name)) for name in _LUA]
    core = _only(folder, "usr/share/lua/5.1/resty/core.lua")
    _only(folder, "usr/share/lua/5.1/resty/lrucache.lua")
    scripts = os.path.dirname(os.path.dirname(core))
    libraries = os.path.dirname(_only(folder, "usr/lib/*/libluajit-5.1.so.2"))
    return LuaModules(_loading(paths), f'lua_package_path "{scripts}/?.lua;;";', libraries)


def _only(folder, pattern):
    found = glob.glob(os.path.join(glob.escape(folder), pattern))
    if not found:
        raise BenchError(f"--nginx-modules {folder}: no {pattern} in it; docs/benchmarks.md says how to fill it")
    return found[0]


def _loading(paths):
    return "\n".join(f"load_module {path};" for path in paths)


def _built(program):
    return subprocess.run([program, "-V"], capture_output=True, text=True, timeout=10, check=False).stderr


def _folder(built):
    found = re.search(r"--modules-path=(\S+)", built)
    return found.group(1) if found else ""
