"""What the bench builds, through Bazel: Weir, its own relay and origin, the micro-benchmarks."""

import os
import shlex
import subprocess
import sys

from .processes import BenchError

# As in tools/lib.sh: another command to use instead of `bazel`, with its startup options, if any.
_BAZEL = shlex.split(os.environ.get("WEIR_BAZEL") or "bazel")
_CONFIG = "--config=release"


def build(root, *targets):
    """The binaries of these targets, in order, built for release."""
    print(f"building {' '.join(targets)}", file=sys.stderr, flush=True)
    result = subprocess.run([*_BAZEL, "build", _CONFIG, *targets], cwd=root, stdout=sys.stderr, check=False)
    if result.returncode != 0:
        raise BenchError(f"the build of {' '.join(targets)} failed")
    folder = _output(root, ["info", _CONFIG, "bazel-bin"]).strip()
    return [os.path.join(folder, _path_of(target)) for target in targets]


def _path_of(target):
    package, _, name = target.removeprefix("//").partition(":")
    return os.path.join(package, name or os.path.basename(package))


def micro_benchmarks(root):
    """Labels of the Google Benchmark programs: whatever executable has the tag `benchmark`."""
    rule = r'kind(".*_(binary|test) rule", attr(tags, "[\[ ]benchmark[,\]]", //test/... + //source/... + //extensions/...))'
    return sorted(_output(root, ["query", "--keep_going", "--noshow_progress", rule]).split())


def run_micro_benchmarks(root, pattern):
    """Builds and runs them one after the other on one core; output goes to the terminal."""
    labels = micro_benchmarks(root)
    if not labels:
        raise BenchError('no target has the tag "benchmark"')
    core = max(os.sched_getaffinity(0))
    for label, program in zip(labels, build(root, *labels)):
        print(f"\n{label}", flush=True)
        command = ["taskset", "-c", str(core), program, "--benchmark_counters_tabular=true"]
        if pattern:
            command.append(f"--benchmark_filter={pattern}")
        if subprocess.run(command, cwd=root, check=False).returncode != 0:
            raise BenchError(f"{label} failed")


def _output(root, arguments):
    result = subprocess.run([*_BAZEL, *arguments], cwd=root, capture_output=True, text=True, check=False)
    if not result.stdout.strip() and result.returncode != 0:
        raise BenchError(f"{' '.join(_BAZEL)} {' '.join(arguments)} failed:\n{result.stderr}")
    return result.stdout
