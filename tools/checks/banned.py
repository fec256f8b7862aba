"""Calls that do not belong here, or only in few folders."""

import dataclasses
import re

from tools.checks import cpp
from tools.checks.repository import Finding

NAME = "banned"
ABOUT = "clocks, sleeps, random sources, exceptions, locks and threads only where they belong"


@dataclasses.dataclass(frozen=True)
class Ban:
    pattern: str  # on code without comments and literals
    why: str  # what would be right
    free: tuple = ()  # folders or files where it is fine
    under: tuple = ("source/", "extensions/")
    thread_safe: bool = False  # fine where a class says that it is Thread-safe


_TIME_HOMES = ("source/event/", "source/base/")

BANS = (
    Ban(
        r"std::chrono::\w+_clock::now|\bclock_gettime\s*\(|\bgettimeofday\s*\(|\btime\s*\(\s*(nullptr|NULL|0)\s*\)|\babsl::Now\b",
        "take the time from the dispatcher, so that tests can set it",
        _TIME_HOMES,
    ),
    Ban(
        r"\bsleep_for\b|\bsleep_until\b|\b(sleep|usleep|nanosleep)\s*\(|\babsl::SleepFor\b",
        "wait for an event or a timer of the dispatcher",
        under=("source/", "extensions/", "test/"),
    ),
    Ban(
        r"\b(s?rand|rand_r|drand48)\s*\(|std::random_device|std::mt19937|\babsl::(Insecure)?BitGen\b",
        "take random numbers from source/base, so that tests can seed them",
        _TIME_HOMES,
    ),
    Ban(
        r"\bthrow\b|\bcatch\s*\(|\btry\s*\{",
        "return absl::Status or absl::StatusOr",
        ("test/plugin/",),  # there are plugins, which may
        under=("source/", "extensions/", "test/"),
    ),
    Ban(
        r"std::(recursive_|shared_|timed_)?mutex|std::condition_variable|std::(lock|unique|shared|scoped)_(guard|lock)|absl::Mutex|pthread_mutex",
        "post to the owning thread's dispatcher; only a class that says Thread-safe has a lock",
        thread_safe=True,
    ),
    Ban(
        r"std::j?thread\b(?!::id)|\bpthread_create\s*\(|std::async\b",
        "threads are made by source/server (workers) and source/event or source/base (the pool for blocking work)",
        ("source/server/", "source/event/", "source/base/"),
    ),
    Ban(
        r"std::(cout|cerr|clog)\b|(?<![\w:])(std::)?(f|v|vf)?printf\s*\(|\bputs\s*\(",
        "log through source/base, or return a Status; only the command line prints",
        ("source/exe/", "source/base/"),
    ),
    Ban(r"^\s*using\s+namespace\b", "name what is used"),
)


def _says_thread_safe(repository, path):
    """Whether the file, or a header of its folder that it includes, has a class that is Thread-safe."""
    folder = path.rsplit("/", 1)[0]
    seen, waiting = set(), [path]
    while waiting:
        file = waiting.pop()
        if file in seen or not repository.has(file):
            continue
        seen.add(file)
        if "Thread-safe" in repository.text(file):
            return True
        waiting += [target for _, target, _ in cpp.includes(repository.text(file)) if target.rsplit("/", 1)[0] == folder]
    return False


def check(repository):
    findings = []
    for path in repository.ending(*cpp.SUFFIXES, under=("source/", "extensions/", "test/")):
        bans = [ban for ban in BANS if path.startswith(ban.under) and not path.startswith(tuple(ban.free) or ("\0",))]
        original = repository.lines(path)
        code = cpp.without_comments_and_literals(repository.text(path)).split("\n")
        for number, line in enumerate(code, 1):
            for ban in bans:
                match = re.search(ban.pattern, line)
                if not match or cpp.allowed(original[number - 1], NAME):
                    continue
                if not (ban.thread_safe and _says_thread_safe(repository, path)):
                    findings.append(Finding(path, number, f"{match.group(0).strip()}: {ban.why}"))
    return findings
