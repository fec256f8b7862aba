"""clang-format has nothing to change."""

import concurrent.futures
import os
import re
import subprocess

from tools.checks import cpp
from tools.checks.repository import Finding

NAME = "format"
ABOUT = "C++ is formatted as .clang-format says"

_BATCH = 24


def _batch(paths):
    done = subprocess.run(["clang-format", "--dry-run", *paths], capture_output=True, text=True, check=False)
    first = {}
    for line in done.stderr.split("\n"):
        match = re.match(r"^(\S+?):(\d+):\d+: (warning|error): ", line)
        if match:
            first.setdefault(match.group(1), int(match.group(2)))
    found = [Finding(path, line, "is not formatted; run tools/format") for path, line in first.items()]
    if done.returncode != 0 and not found:
        found.append(Finding(paths[0], 1, "clang-format failed: " + done.stderr.strip()))
    return found


def check(repository):
    paths = repository.ending(*cpp.SUFFIXES)
    batches = [paths[i : i + _BATCH] for i in range(0, len(paths), _BATCH)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [finding for found in pool.map(_batch, batches) for finding in found]
