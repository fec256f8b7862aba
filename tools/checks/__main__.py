"""Runs the rules and prints what they find: tools/check --help."""

import argparse
import os
import subprocess
import sys
import time

from tools.checks import anatomy, banned, cycles, doc_links, format, headers, layers, library_homes, mirror, reference, tidy, words
from tools.checks.repository import open_repository

RULES = (format, headers, banned, layers, library_homes, cycles, anatomy, mirror, doc_links, reference, words)


# clang-tidy takes about 10 s for a file.
_MOST_IN_CI = 60


def _git(*arguments):
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.split("\n") if done.returncode == 0 else []


def _changed(base):
    """Files that differ from `base`, committed or not, and new ones."""
    paths = _git("diff", "--name-only", base) + _git("ls-files", "--others", "--exclude-standard")
    return sorted({path for path in paths if path})


def _default_base():
    """Where this branch left the main one; on the main branch itself, the commit before."""
    head = _git("rev-parse", "HEAD")
    for upstream in ("origin/main", "main"):
        base = _git("merge-base", "HEAD", upstream)
        if base and base != head:
            return base[0]
    return "HEAD~1" if _git("rev-parse", "--verify", "--quiet", "HEAD~1") else "HEAD"


def _few(paths):
    """In CI, whose time is bounded, at most _MOST_IN_CI of them, from all parts; elsewhere all."""
    if not os.environ.get("CI") or len(paths) <= _MOST_IN_CI:
        return paths
    return paths[:: -(-len(paths) // _MOST_IN_CI)]


def _options():
    names = ", ".join(rule.NAME for rule in (*RULES, tidy))
    parser = argparse.ArgumentParser(
        prog="tools/check",
        description="Checks the repository's rules.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {rule.NAME:14} {rule.ABOUT}" for rule in (*RULES, tidy)),
    )
    parser.add_argument("--all", action="store_true", help="clang-tidy over every file (slow)")
    parser.add_argument("--base", help="the commit against which changed files are found")
    parser.add_argument("--only", action="append", metavar="RULE", help=f"only this rule: {names}")
    options = parser.parse_args()
    known = {rule.NAME for rule in (*RULES, tidy)}
    for name in options.only or []:
        if name not in known:
            parser.error(f"unknown rule {name}; the rules are {names}")
    return options


def main():
    options = _options()
    repository = open_repository(os.getcwd())
    wanted = [rule for rule in (*RULES, tidy) if not options.only or rule.NAME in options.only]
    total = 0
    for rule in wanted:
        started = time.monotonic()
        note = ""
        if rule is tidy:
            paths = repository.files if options.all else _changed(options.base or _default_base())
            changed = [path for path in paths if path.endswith(".cc")]
            paths = changed if options.all else _few(changed)
            note = f", {len(paths)} of {len(changed)} files"
            findings = tidy.check_files(repository, paths)
        else:
            findings = sorted(set(rule.check(repository)))
        for finding in findings:
            print(finding)
        verdict = "ok" if not findings else f"{len(findings)} found"
        print(f"== {rule.NAME}: {verdict} ({time.monotonic() - started:.1f} s{note})", flush=True)
        total += len(findings)
    print(f"tools/check: {total} found" if total else "tools/check: all in order")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
