"""This run against an earlier one."""

import json

from . import report
from .processes import BenchError
from .rows import LATENCY, MEMORY

REGRESSION = 0.02
_WORSE = "REGRESSION"


def load(path):
    try:
        with open(path) as file:
            doc = json.load(file)
    except (OSError, ValueError) as error:
        raise BenchError(f"--compare {path}: {error}") from None
    if not isinstance(doc, dict) or doc.get("format") != report.FORMAT_VERSION:
        raise BenchError(f"--compare {path}: not a bench.json of this format ({report.FORMAT_VERSION})")
    return doc


def comparison(old, new):
    """(table, keys of the rows where Weir got worse).

    The machine may have been slower this time: where reference peers were measured in both runs, the
    median change of all other peers in the row is taken out of Weir's before it is judged.
    """
    table = [["row", "peers' change", "Weir before", "Weir now", "change", "without the peers'", "judgement"]]
    regressions = []
    old_rows = {row["key"]: row for row in old["rows"]}
    for row in new["rows"]:
        before = old_rows.get(row["key"])
        if before is None or "weir" not in before["peers"] or "weir" not in row["peers"]:
            table.append([row["key"], "–", "–", "–", "–", "–", "not in both runs"])
            continue
        was, now = before["peers"]["weir"]["value"], row["peers"]["weir"]["value"]
        # A machine may be slower; it does not make memory larger.
        drift = None if row["unit"] in MEMORY else _drift(before, row)
        change = now / was - 1
        relative = (1 + change) / (1 + drift) - 1 if drift is not None else change
        judgement = "latency, not judged" if row["unit"] == LATENCY else _judgement(relative)
        if judgement == _WORSE:
            regressions.append(row["key"])
        table.append(
            [
                row["key"],
                "–" if drift is None else _percent(drift),
                report.number(row, was),
                report.number(row, now),
                _percent(change),
                _percent(relative),
                judgement,
            ]
        )
    return table, regressions


def _drift(before, row):
    changes = sorted(
        result["value"] / before["peers"][name]["value"] - 1
        for name, result in row["peers"].items()
        if name != "weir" and name in before["peers"]
    )
    if not changes:
        return None
    middle = len(changes) // 2
    return changes[middle] if len(changes) % 2 else (changes[middle - 1] + changes[middle]) / 2


def _percent(change):
    return f"{change * 100:+.1f} %"


def _judgement(change):
    if change > REGRESSION:
        return _WORSE
    return "better" if change < -REGRESSION else "same"
