"""What a run says: verdicts, the tables (terminal and Markdown) and JSON."""

import json
import statistics
import time

from .rows import MEMORY, MEBIBYTES

FORMAT_VERSION = 1
LESS_IS_NOISE = 0.05  # a spread above this is marked


def document(bench_facts, rows, results, failed):
    """The run as plain data: what JSON holds, and what tables, chart and comparison are made from."""
    return {
        "format": FORMAT_VERSION,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **bench_facts,
        "rows": [_row_document(row, results, failed) for row in rows],
    }


def _row_document(row, all_results, failed):
    target, results = row.target, all_results[row.key]
    values = {name: result.value() for name, result in results.items()}
    other = all_results.get(target.row, {}).get("weir")
    if target.over:
        judged = verdict_over(target, results.get("weir"), other)
    else:
        judged = verdict(target, values, other and other.value())
    return {
        "key": row.key,
        "title": row.title,
        "unit": row.unit,
        "target": {
            "text": target.text(),
            "ratio": target.ratio,
            "references": list(target.references),
            "limit": target.limit,
            "row": target.row,
            "over": target.over,
        },
        "verdict": judged,
        "failed": [peer for key, peer in failed if key == row.key],
        "peers": {name: _result_document(result) for name, result in results.items()},
    }


def _result_document(result):
    details = {name for sample in result.samples for name in sample.details if name != "errors"}
    return {
        "value": result.value(),
        "spread": result.spread(),
        "samples": [sample.value for sample in result.samples],
        "errors": result.errors(),
        "details": {name: result.detail(name) for name in sorted(details)},
    }


def verdict(target, values, other=None):
    """{"met": True, False or None when it cannot be told, "ratio": to the reference, "text": for people}.

    `other`: Weir's value in the target's row.
    """
    if "weir" not in values:
        return {"met": None, "ratio": None, "text": "Weir not measured"}
    known = [name for name in target.references if name in values]
    if target.references and not known:
        return {"met": None, "ratio": None, "text": f"no {' / '.join(target.references)} to compare with"}
    if target.row and other is None:
        return {"met": None, "ratio": None, "text": f"no {target.row} to compare with"}
    if target.row:
        ratio = values["weir"] / other
        bound, shown = target.ratio, f"{ratio:.2f} × its {target.row}"
    elif known:
        reference = min(known, key=values.get)
        ratio = values["weir"] / values[reference]
        bound, shown = target.ratio, f"{ratio:.2f} × {reference}"
        if not bound:
            return {"met": None, "ratio": ratio, "text": shown}
    else:
        ratio = values["weir"] / target.limit
        bound, shown = 1.0, f"{values['weir']:.0f}"
    if ratio <= bound:
        return {"met": True, "ratio": ratio, "text": f"met: {shown}"}
    return {"met": False, "ratio": ratio, "text": f"MISSED by {(ratio / bound - 1) * 100:.1f} %: {shown}"}


def verdict_over(target, result, other):
    """As verdict(), of what Weir's Result is over its other one: the median of the rounds' differences.

    Both were measured one after the other in each round, so much of the machine's noise is in both.
    """
    if result is None:
        return {"met": None, "ratio": None, "text": "Weir not measured"}
    if other is None:
        return {"met": None, "ratio": None, "text": f"no {target.row} to compare with"}
    over = statistics.median(mine.value - its.value for mine, its in zip(result.samples, other.samples))
    ratio, shown = result.value() / other.value(), f"{over:+.2f} to its {target.row}"
    if over <= target.over:
        return {"met": True, "ratio": ratio, "text": f"met: {shown}"}
    return {"met": False, "ratio": ratio, "text": f"MISSED by {over - target.over:.2f}: {shown}"}


def number(row, value):
    if (row["unit"] in MEMORY and row["unit"] != MEBIBYTES) or value >= 1000:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 100 else f"{value:.2f}"


def peer_names(doc):
    """Columns in the order they were measured, Weir last."""
    names = []
    for row in doc["rows"]:
        names += [name for name in row["peers"] if name not in names]
    return sorted(names, key=list(doc["peers"]).index)


def main_table(doc):
    names = peer_names(doc)
    table = [["work", *names, "Weir must reach", "verdict"]]
    for row in doc["rows"]:
        line = [f"{row['title']} ({row['unit']})"]
        for name in names:
            line.append(_value_cell(row, name))
        table.append([*line, row["target"]["text"], row["verdict"]["text"]])
    return table


def _value_cell(row, name):
    if name in row["failed"]:
        return "failed"
    if name not in row["peers"]:
        return "–"
    result = row["peers"][name]
    noisy = f" ±{result['spread'] * 100:.0f}%" if result["spread"] > LESS_IS_NOISE else ""
    return number(row, result["value"]) + noisy


def detail_table(doc):
    """Throughput and latency beside the figure that counts; rows without requests are left out."""
    columns = ("p50", "p90", "p99", "mean")
    header = ["row", "proxy", "requests/s", *(f"{column} ms" for column in columns), "core busy", "user", "to origin", "spread", "errors"]
    table = [header]
    for row in doc["rows"]:
        for name, result in row["peers"].items():
            details = result["details"]
            if "requests_per_second" not in details:
                continue
            errors = ", ".join(f"{count} {kind}" for kind, count in result["errors"].items())
            table.append(
                [
                    row["key"],
                    name,
                    f"{details['requests_per_second']:.0f}",
                    *(_milliseconds(details.get(f"{column}_us")) for column in columns),
                    f"{details['busy'] * 100:.0f}%",
                    f"{details['user_share'] * 100:.0f}%",
                    f"{details.get('upstream_connections', 0):.0f}",
                    f"±{result['spread'] * 100:.1f}%",
                    errors or "–",
                ]
            )
    return table


def _milliseconds(microseconds):
    return "–" if microseconds is None else f"{microseconds / 1000:.2f}"


def storm_table(doc):
    """The latency of requests without and with a storm of handshakes; only a header where no row has one."""
    table = [["row", "proxy", "p50 ms", "p99 ms", "p50 in the storm", "p99 in the storm", "handshakes/s", "errors"]]
    columns = ("calm_p50_us", "calm_p99_us", "storm_p50_us", "storm_p99_us")
    for row in doc["rows"]:
        for name, result in row["peers"].items():
            details = result["details"]
            if "handshakes_per_second" not in details:
                continue
            errors = ", ".join(f"{count} {kind}" for kind, count in result["errors"].items())
            cells = [f"{details[column] / 1000:.2f}" for column in columns]
            table.append([row["key"], name, *cells, f"{details['handshakes_per_second']:.0f}", errors or "–"])
    return table


def as_text(table):
    """Columns under each other, the first left, the others right aligned."""
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    lines = []
    for line in table:
        cells = [line[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * max(len(line) for line in lines))
    return "\n".join(lines)


def as_markdown(table):
    lines = ["| " + " | ".join(line) + " |" for line in table]
    lines.insert(1, "|" + "|".join(" --- " if i == 0 else " ---: " for i in range(len(table[0]))) + "|")
    return "\n".join(lines)


def heading(doc):
    return (
        f"{doc['time']}, {doc['cpu']}, Linux {doc['kernel']}; {doc['rounds']} rounds of {doc['seconds']} s; "
        f"proxy alone on core {doc['proxy_core']}, load and origin on core {doc['load_core']}"
    )


def markdown(doc):
    storm = storm_table(doc)
    versions = "\n".join(f"- {name}: {version}" for name, version in doc["peers"].items() if version)
    return "\n\n".join(
        [
            "# Weir beside other proxies",
            heading(doc) + ". CPU time of the proxy (user and system) per request, medians; lower is better.",
            versions,
            as_markdown(main_table(doc)),
            "![CPU per request](bench.svg)",
            "## Throughput and latency",
            as_markdown(detail_table(doc)),
            *(["## Requests beside handshakes", as_markdown(storm)] if len(storm) > 1 else []),
        ]
    ) + "\n"


def write_json(doc, path):
    with open(path, "w") as file:
        json.dump(doc, file, indent=1)
        file.write("\n")
