"""The command line of tools/bench."""

import argparse
import os
import platform
import shutil
import signal
import sys
import tempfile

from . import builds, chart, compare, report
from .measurement import Bench, Progress, run_rounds, steps_of
from .peers import FAMILIES, all_peers
from .processes import BenchError
from .rows import ROWS, rows_named

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main(arguments=None):
    options = _options(arguments)
    # Both leave through the context managers; a shell's background job starts with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if options.list:
            return _list()
        if options.micro is not None:
            builds.run_micro_benchmarks(ROOT, options.micro)
            return 0
        return _bench(options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130


def _options(arguments):
    parser = argparse.ArgumentParser(
        prog="tools/bench",
        description="Measures what a request costs in Weir beside nginx, HAProxy and a bare relay. "
        "docs/benchmarks.md says how to read the result.",
    )
    parser.add_argument("--rows", type=_names, metavar="A,B", help="only these rows (see --list)")
    parser.add_argument("--rounds", type=_positive, help="rounds over all rows and peers (default 5)")
    parser.add_argument("--seconds", type=_positive, help="length of one measurement (default 3)")
    parser.add_argument("--quick", action="store_true", help="one round of 1 s: a smoke test, not a figure to quote")
    parser.add_argument("--weir", metavar="PATH", help="this binary (default: builds //source/exe:weir for release)")
    parser.add_argument("--nginx-modules", metavar="FOLDER", help="nginx's Lua module is unpacked there, not installed")
    parser.add_argument("--peers", type=_names, metavar="A,B", help=f"of {','.join(FAMILIES)} (default: all installed)")
    parser.add_argument("--out", metavar="FOLDER", default="bench-out", help="where results go (default bench-out)")
    parser.add_argument("--compare", metavar="JSON", help="show the change against an earlier bench.json; exit 1 when worse")
    parser.add_argument("--micro", nargs="?", const="", metavar="REGEX", help="run the Google Benchmark programs instead")
    parser.add_argument("--list", action="store_true", help="list rows, targets and peers")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.seconds = options.seconds or (1 if options.quick else 3)
    try:
        options.rows = rows_named(options.rows) if options.rows else list(ROWS)
    except ValueError as error:
        parser.error(str(error))
    known = {name for peer in all_peers() for name in (peer.name, peer.family)}
    unknown = set(options.peers or ()) - known
    if unknown:
        parser.error(f"no peer named {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    return options


def _names(text):
    return [name.strip() for name in text.split(",") if name.strip()]


def _positive(text):
    value = int(text)
    if not 1 <= value <= 3600:
        raise argparse.ArgumentTypeError("must be from 1 to 3600")
    return value


def _list():
    for row in ROWS:
        print(f"{row.key:<16} {row.title}\n{'':16} Weir must reach: {row.target.text()}; peers: {', '.join(row.peers)}")
    return 0


def _bench(options):
    if shutil.which("wrk") is None:
        raise BenchError("wrk is not installed (Debian package wrk)")
    earlier = compare.load(options.compare) if options.compare else None  # before minutes of work
    wanted = set(options.peers or FAMILIES)
    peers, origin, client = _prepare(options, wanted)
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        os.chmod(folder, 0o711)  # started by root, nginx reads and writes its cache as another user
        with Bench(folder, origin, client, options.seconds) as bench:
            steps = len(steps_of(options.rows, peers)) * options.rounds
            results, failed = run_rounds(bench, options.rows, peers, options.rounds, Progress(steps))
            facts = _facts(options, bench, peers)
    doc = report.document(facts, options.rows, results, failed)
    _write(doc, options.out)
    _print(doc, options.out)
    regressions = _print_comparison(earlier, doc) if earlier else []
    return 1 if failed or regressions else 0


def _prepare(options, wanted):
    all_peers(modules=options.nginx_modules)  # says what is missing there before minutes of work
    own = ("//tools/benchmark:origin", "//tools/benchmark/client", "//tools/benchmark:relay")
    targets = [*own, "//tools/benchmark:pass_through_plugin.so"]
    build_weir = "weir" in wanted and not options.weir
    programs = builds.build(ROOT, *targets, *(["//source/exe:weir"] if build_weir else []))
    origin, client, relay, plugin = programs[:4]
    weir = programs[4] if build_weir else options.weir
    if weir and not os.access(weir, os.X_OK):
        raise BenchError(f"--weir {weir}: no such program")
    known = all_peers(relay, weir and os.path.abspath(weir), plugin, options.nginx_modules)
    chosen = [peer for peer in known if {peer.name, peer.family} & wanted]
    for peer in chosen:
        if not peer.installed():
            print(f"{peer.name} is not installed: left out", file=sys.stderr)
    installed = [peer for peer in chosen if peer.installed()]
    for row in options.rows:
        for peer in installed:
            if peer.name in row.peers and row.scenario not in peer.scenarios:
                print(f"{peer.name} has nothing for {row.scenario.upper()}: left out of {row.key}", file=sys.stderr)
    return installed, origin, client


def _facts(options, bench, peers):
    return {
        "cpu": _cpu_model(),
        "kernel": platform.release(),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "proxy_core": bench.proxy_core,
        "load_core": bench.load_core,
        "peers": {peer.name: peer.version() for peer in peers},
    }


def _cpu_model():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _write(doc, folder):
    os.makedirs(folder, exist_ok=True)
    report.write_json(doc, os.path.join(folder, "bench.json"))
    for name, text in (("bench.md", report.markdown(doc)), ("bench.svg", chart.svg(doc))):
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)


def _print(doc, folder):
    print(report.heading(doc) + "\n")
    print(report.as_text(report.main_table(doc)) + "\n")
    for table in (report.detail_table(doc), report.storm_table(doc)):
        if len(table) > 1:
            print(report.as_text(table) + "\n")
    met = [row["verdict"]["met"] for row in doc["rows"]]
    print(f"targets: {met.count(True)} met, {met.count(False)} missed, {met.count(None)} not judged")
    print(f"written: {', '.join(os.path.join(folder, f'bench.{kind}') for kind in ('md', 'json', 'svg'))}")


def _print_comparison(earlier, doc):
    table, regressions = compare.comparison(earlier, doc)
    print(f"\nagainst the run of {earlier['time']}:\n{report.as_text(table)}")
    if regressions:
        print(f"worse by more than {compare.REGRESSION * 100:.0f} %: {', '.join(regressions)}")
    return regressions
