"""Every extension has the same parts under the same name."""

import re

from tools.checks.repository import Finding

NAME = "anatomy"
ABOUT = "each extension has config, proto, test, doc page with an example, and a line in the list"

LIST = "extensions/all_extensions.cc"

CATEGORIES = (
    "listener_filters",
    "network_filters",
    "udp_filters",
    "http_filters",
    "routing",
    "clusters",
    "load_balancing",
    "stickiness",
    "health_checkers",
    "transport_sockets",
    "access_loggers",
    "config_stores",
    "tracers",
    "plugins",
)


def extensions(repository):
    """(category, name) of every extension folder; extensions/<category>/common is shared code."""
    found = set()
    for path in repository.files:
        parts = path.split("/")
        if parts[0] == "extensions" and len(parts) >= 4 and parts[2] != "common":
            found.add((parts[1], parts[2]))
    return sorted(found)


def _parts(category, name):
    folder = f"extensions/{category}/{name}"
    return {
        f"{folder}/BUILD.bazel": "its build file",
        f"{folder}/config.h": "its factory",
        f"{folder}/config.cc": "the translation of its proto",
        f"api/weir/extensions/{category}/{name}/v1/{name}.proto": "its configuration message",
        f"docs/extensions/{category}/{name}.md": "its page",
    }


def _has_example(page, *names):
    blocks = re.findall(r"^```.*?^```", page, re.M | re.S)
    return any(name in block for block in blocks for name in names)


def _check_one(repository, category, name):
    folder = f"extensions/{category}/{name}"
    missing = [
        Finding(folder, 1, f"has no {path} ({what})")
        for path, what in _parts(category, name).items()
        if not repository.has(path)
    ]
    package = f"weir.extensions.{category}.{name}.v1"
    proto = f"api/weir/extensions/{category}/{name}/v1/{name}.proto"
    # A name that is a word of C++ ends in an underscore as a package.
    words = r"^package weir\.extensions\.%s\.%s_?\.v1;" % (category, name)
    if repository.has(proto) and not re.search(words, repository.text(proto), re.M):
        missing.append(Finding(proto, 1, f"does not say `package {package};`"))
    page = f"docs/extensions/{category}/{name}.md"
    if repository.has(page) and not _has_example(repository.text(page), f"[{category}/{name}]", f"type.googleapis.com/{package}."):
        missing.append(Finding(page, 1, f"shows no example configuration with [{category}/{name}]"))
    if not repository.ending("_test.cc", under=f"test/{folder}/"):
        missing.append(Finding(folder, 1, f"has no test in test/{folder}/"))
    # A name that the C library has as a macro, or that would hide a namespace of source/ from other extensions, ends in an
    # underscore as a namespace.
    header = f"{folder}/config.h"
    namespace = f"weir::extensions::{category}::{name}"
    if repository.has(header) and not re.search(r"^namespace %s_? {" % re.escape(namespace), repository.text(header), re.M):
        missing.append(Finding(header, 1, f"is not in namespace {namespace}"))
    listed = repository.has(LIST) and f'"{folder}/config.h"' in repository.text(LIST)
    if not listed:
        missing.append(Finding(LIST, 1, f"does not list {folder}; include its config.h and register its factory"))
    if category not in CATEGORIES:
        missing.append(Finding(folder, 1, f"{category} is not a category; they are {', '.join(CATEGORIES)}"))
    return missing


def _orphans(repository, present):
    """Doc pages, messages and tests whose extension is gone."""
    shapes = (
        r"docs/extensions/(\w+)/(\w+)\.md",
        r"api/weir/extensions/(\w+)/(\w+)/v1/.*",
        r"test/extensions/(\w+)/(\w+)/.*",
    )
    found = []
    for path in repository.files:
        for shape in shapes:
            match = re.fullmatch(shape, path)
            if match and match.group(2) not in ("README", "common") and match.groups() not in present:
                found.append(Finding(path, 1, f"belongs to extensions/{match.group(1)}/{match.group(2)}, which does not exist"))
    return found


def check(repository):
    present = extensions(repository)
    findings = []
    for category, name in present:
        findings += _check_one(repository, category, name)
    return findings + _orphans(repository, set(present))
