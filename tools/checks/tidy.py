"""clang-tidy over changed files (or all), with the messages generated on the side: no build needed."""

import concurrent.futures
import os
import re
import subprocess
import tempfile

from tools.checks.repository import Finding

NAME = "tidy"
ABOUT = "clang-tidy, over the .cc files that differ from --base (in CI at most 60 of them; with --all: every one)"

_MODULES = ("luajit", "hiredis", "re2", "protobuf", "libuv", "spdlog")


def _flags(generated):
    # "api": where plugins find their headers.
    flags = ["-std=c++20", "-fno-exceptions", "-I.", "-Iapi", "-isystem", generated]
    flags += ["-isystem", "/usr/share/include/llhttp", "-isystem", "/usr/include/android"]
    done = subprocess.run(["pkg-config", "--cflags", *_MODULES], capture_output=True, text=True, check=True)
    for flag in done.stdout.split():
        flags += ["-isystem", flag[2:]] if flag.startswith("-I") else [flag]
    return flags


def _generate(repository, folder):
    protos = repository.ending(".proto")
    if protos:
        subprocess.run(["protoc", "-I.", "-I/usr/include", f"--cpp_out={folder}", *protos], check=True)


def _run(path, flags):
    done = subprocess.run(["clang-tidy", "--quiet", path, "--", *flags], capture_output=True, text=True, check=False)
    found = []
    root = os.getcwd() + "/"
    for line in done.stdout.split("\n"):
        match = re.match(r"^(\S+?):(\d+):\d+: (warning|error): (.*)$", line)
        if match:
            found.append(Finding(match.group(1).replace(root, ""), int(match.group(2)), match.group(4)))
    if done.returncode != 0 and not found:
        found.append(Finding(path, 1, "clang-tidy failed: " + done.stderr.strip()[-300:]))
    return found


def check_files(repository, paths):
    paths = [path for path in paths if path.endswith(".cc") and repository.has(path)]
    if not paths:
        return []
    with tempfile.TemporaryDirectory() as generated:
        _generate(repository, generated)
        flags = _flags(generated)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            found = pool.map(lambda path: _run(path, flags), paths)
            return sorted({finding for findings in found for finding in findings})
