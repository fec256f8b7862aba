"""What every header has: `#pragma once`, and a thread word in front of each class."""

import re

from tools.checks import cpp
from tools.checks.repository import Finding

NAME = "headers"
ABOUT = "#pragma once, and a thread word in each class comment"

# "Value": its owner decides, as for a number.
THREAD_WORDS = ("Main-thread only", "Worker-confined", "Thread-safe", "Immutable", "Value")

_CLASS = re.compile(r"^class\s+(\[\[\w+\]\]\s+|[A-Z_]+\(.*\)\s+)?(?P<name>\w+)(?!.*;\s*$)")


def _comment_above(lines, index):
    """The comment that ends right above line `index` in one line of text, or ""."""
    index -= 1
    while index >= 0 and re.match(r"^(template\b|requires\b)", lines[index]):
        index -= 1
    comment = []
    while index >= 0 and lines[index].startswith("//"):
        comment.insert(0, lines[index].lstrip("/ "))
        index -= 1
    return " ".join(comment)


def _forward_only(code, index):
    """Whether the declaration that starts at line `index` ends before its body."""
    for line in code[index : index + 10]:
        for character in line:
            if character in "{;":
                return character == ";"
    return False


def check(repository):
    findings = []
    for path in repository.ending(".h"):
        text = repository.text(path)
        code = cpp.without_comments_and_literals(text).split("\n")
        if path.startswith(("source/", "extensions/", "test/")):
            first = next((line.strip() for line in code if line.strip()), "")
            if first != "#pragma once":
                findings.append(Finding(path, 1, "does not start with #pragma once"))
        if not path.startswith(("source/", "extensions/")):
            continue
        lines = text.split("\n")
        for index, line in enumerate(code):
            match = _CLASS.match(line)
            if not match or _forward_only(code, index):
                continue
            comment = _comment_above(lines, index)
            if not any(word.lower() in comment.lower() for word in THREAD_WORDS):
                message = f"class {match.group('name')}: its comment has no thread word: {', '.join(THREAD_WORDS)}"
                findings.append(Finding(path, index + 1, message))
    return findings
