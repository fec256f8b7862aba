"""Links and file names in Markdown lead somewhere."""

import posixpath
import re

from tools.checks.repository import Finding

NAME = "doc_links"
ABOUT = "links, anchors and file names in *.md exist"

_LINK = re.compile(r"(?<!\!)\[[^\]]*\]\((?P<target>[^)\s]+)(\s+\"[^\"]*\")?\)|!\[[^\]]*\]\((?P<image>[^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_TOP = ("api/", "source/", "extensions/", "test/", "tools/", "docs/", ".ci/")
_PATH = re.compile(r"^(?P<path>(?:%s)[\w./-]+?)(?::\d+)?$" % "|".join(re.escape(top) for top in _TOP))
_LABEL = re.compile(r"^//(?P<package>[\w/.-]+)(?::(?P<name>[\w.-]+))?$")


def anchors(text):
    """The anchors that a Markdown page's headings make."""
    found = set()
    fenced = False
    for line in text.split("\n"):
        if line.startswith("```"):
            fenced = not fenced
        match = None if fenced else re.match(r"^#{1,6}\s+(.*?)\s*#*$", line)
        if match:
            slug = re.sub(r"[^\w\- ]", "", match.group(1).lower()).replace(" ", "-")
            number, unique = 0, slug
            while unique in found:
                number += 1
                unique = f"{slug}-{number}"
            found.add(unique)
    return found


def _exists(repository, path):
    path = path.rstrip("/")
    return repository.has(path) or repository.has_folder(path)


def _link_problem(repository, page, target):
    if re.match(r"^[a-z][a-z0-9+.-]*:", target):
        return None  # http:, mailto:
    path, _, anchor = target.partition("#")
    resolved = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page
    if path and not _exists(repository, resolved):
        return f"the link {target} leads nowhere: there is no {resolved}"
    if anchor and resolved.endswith(".md") and anchor not in anchors(repository.text(resolved)):
        return f"the link {target} leads nowhere: {resolved} has no heading for #{anchor}"
    return None


def _mention_problem(repository, text):
    word = text.strip().split(" ")[0]
    if re.search(r"/(CATEGORY|NAME)(/|\.|_|$)", word):
        return None  # A pattern: docs/extensions/CATEGORY/NAME.md
    match = _PATH.match(word)
    if match and not _exists(repository, match.group("path")) and not word.endswith(".pb.h"):
        return f"{word} does not exist"
    match = _LABEL.match(word)
    if match and "..." not in word:
        package = match.group("package")
        if not repository.has(package + "/BUILD.bazel"):
            return f"{word}: there is no {package}/BUILD.bazel"
    return None


def check(repository):
    findings = []
    for page in repository.ending(".md"):
        fenced = False
        for number, line in enumerate(repository.lines(page), 1):
            if line.lstrip().startswith("```"):
                fenced = not fenced
            if fenced:
                continue
            plain = _CODE.sub("", line)
            problems = [_link_problem(repository, page, m.group("target") or m.group("image")) for m in _LINK.finditer(plain)]
            problems += [_mention_problem(repository, mention) for mention in _CODE.findall(line)]
            findings += [Finding(page, number, problem) for problem in problems if problem]
    return findings
