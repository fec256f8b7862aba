"""Just enough of C++ for line-based rules: code without comments and literals, and includes."""

import re

_TOKEN = re.compile(
    r"""//[^\n]*                                   # line comment
      | /\*.*?\*/                                  # block comment
      | \bR"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"   # raw string
      | "(?:\\.|[^"\\\n])*"                        # string
      | (?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'        # character (not a digit separator)
    """,
    re.DOTALL | re.VERBOSE,
)

_INCLUDE = re.compile(r'^\s*#\s*include\s*(?P<spec>"[^"]+"|<[^>]+>)')

SUFFIXES = (".h", ".cc")


def without_comments_and_literals(text):
    """The text with comments and literals replaced by blanks; lines stay where they are."""

    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))

    return _TOKEN.sub(blank, text)


def includes(text):
    """(line number, path, quoted) for each #include."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        match = _INCLUDE.match(line)
        if match:
            spec = match.group("spec")
            found.append((number, spec[1:-1], spec[0] == '"'))
    return found


def allowed(line, rule):
    """Whether a line carries `check: allow(RULE): REASON`. The reason must be there."""
    return re.search(r"check: allow\(%s\): \S+" % re.escape(rule), line) is not None
