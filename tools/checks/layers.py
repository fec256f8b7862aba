"""Which folder may include which: the arrows of docs/architecture.md."""

from tools.checks import cpp
from tools.checks.repository import Finding

NAME = "layers"
ABOUT = "dependency arrows between the folders of source/, extensions/ and api/"

# folder of source/ -> the folders directly below it. What those may include, it may include too.
BELOW = {
    "base": [],
    "buffer": ["base"],
    "stats": ["base"],
    "event": ["buffer", "stats"],
    "network": ["event"],
    "http": ["network"],
    "redis": ["network"],
    "grpc": ["http"],
    "upstream": ["http"],
    "router": ["grpc", "upstream"],
    "lua": ["router"],
    "config": ["lua", "redis"],
    "plugin": ["config"],
    "control": ["config"],
    "explain": ["config"],
    "server": ["control", "explain"],
    "exe": ["plugin", "server"],
}

# Folders of source/ that work on compiled structs and never see a configuration message.
NO_MESSAGES = {"base", "buffer", "stats", "event", "network", "http", "grpc", "upstream", "router", "lua", "redis"}

# The one place that names extensions.
COMPOSITION = "source/exe/main.cc"
LIST_OF_EXTENSIONS = "extensions/all_extensions.h"


def _closure(folder):
    reached = {folder}
    for below in BELOW[folder]:
        reached |= _closure(below)
    return reached


MAY_INCLUDE = {folder: _closure(folder) for folder in BELOW}


def _source_message(path, target):
    folder = path.split("/")[1]
    parts = target.split("/")
    if folder not in BELOW:
        return f"source/{folder} is not a layer; the layers are {', '.join(BELOW)}"
    if parts[0] == "source" and parts[1] not in MAY_INCLUDE[folder]:
        may = ", ".join(sorted(MAY_INCLUDE[folder]))
        return f"source/{folder} includes {target}, which is above it; it may include {may}"
    if parts[0] == "extensions" and not (path == COMPOSITION and target == LIST_OF_EXTENSIONS):
        return f"source includes an extension ({target}); only {COMPOSITION} may, and only {LIST_OF_EXTENSIONS}"
    if target.endswith(".pb.h") and parts[0] == "api" and folder in NO_MESSAGES:
        return f"source/{folder} includes the message {target}; translate it in source/config into a plain struct"
    return None


def _extension_message(path, target):
    parts = path.split("/")
    other = target.split("/")
    if len(parts) < 4:
        return None  # extensions/all_extensions.{h,cc}
    if other[0] == "extensions" and len(other) >= 3:
        same = other[1:3] == parts[1:3]
        shared = other[1] == parts[1] and other[2] == "common"
        if not same and not shared:
            return f"an extension includes another ({target}); move what they share to extensions/{parts[1]}/common"
    if target.endswith(".pb.h") and other[0] == "api" and parts[-1] not in ("config.h", "config.cc"):
        return f"{parts[-1]} includes the message {target}; only config.h and config.cc may, they make a plain struct of it"
    if target == LIST_OF_EXTENSIONS:
        return "an extension includes the list of extensions; the arrow goes the other way"
    return None


def check(repository):
    findings = []
    for path in repository.ending(*cpp.SUFFIXES, under=("source/", "extensions/", "api/")):
        for line, target, quoted in cpp.includes(repository.text(path)):
            if not quoted or "/" not in target:
                continue
            message = None
            if target.startswith(("test/", "tools/")):
                message = f"includes {target}; what ships does not depend on tests or tools"
            elif path.startswith("source/"):
                message = _source_message(path, target)
            elif path.startswith("extensions/"):
                message = _extension_message(path, target)
            elif target.startswith(("source/", "extensions/")):
                message = f"api includes {target}; the contracts depend on nothing of ours"
            if message:
                findings.append(Finding(path, line, message))
    return findings
