"""Words that have no place in the repository: paths of one machine."""

import re

from tools.checks.repository import Finding

NAME = "words"
ABOUT = "no paths of one machine, no unresolved merge"

# Written in pieces, so that this file does not find itself.
FORBIDDEN = (
    (r"(?<![\w./-])/" + r"work/", "a path of one machine; name files from the repository's root"),
    (r"/tmp/" + r"(bash_jobs|bz|helper)", "a path of one machine; make a temporary folder"),
    (r"^(<" + r"{7}|>" + r"{7}) ", "an unresolved merge"),
    (r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b", "work left to do; do it, or open an issue"),
)

_BINARY = (".png", ".jpg", ".ico", ".gz", ".zst", ".br", ".bin", ".pem", ".der")


def check(repository):
    findings = []
    for path in repository.files:
        if path.endswith(_BINARY) or "/corpus/" in path or path == "LICENSE":
            continue
        for number, line in enumerate(repository.lines(path), 1):
            for pattern, message in FORBIDDEN:
                match = re.search(pattern, line)
                if match:
                    findings.append(Finding(path, number, f"{match.group(0).strip()}: {message}"))
    return findings
