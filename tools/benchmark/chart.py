"""The SVG bar chart: one group of bars for each row, each group on a scale of its own."""

from xml.sax.saxutils import escape

from . import report

_WIDTH, _LABEL, _VALUE, _MARGIN = 860, 120, 110, 20
_BAR, _GAP, _GROUP_GAP, _TITLE = 18, 4, 26, 22
_COLOURS = {"weir": "#0b7a75", "relay": "#b8bfc6", "nginx": "#6c8ebf", "haproxy": "#c78d5b"}
_TARGET_COLOUR = "#b00020"


def svg(doc):
    parts, y = [], _MARGIN + 46
    for row in doc["rows"]:
        if row["peers"]:
            group, y = _group(row, y)
            parts += group
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y}" viewBox="0 0 {_WIDTH} {y}" '
        'font-family="system-ui, sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{y}" fill="#ffffff"/>',
        f'<text x="{_MARGIN}" y="{_MARGIN + 8}" font-size="16" font-weight="600">'
        "Cost of a request: CPU time of the proxy, lower is better</text>",
        f'<text x="{_MARGIN}" y="{_MARGIN + 26}" fill="#555">{escape(report.heading(doc))}</text>',
    ]
    return "\n".join([*head, *parts, "</svg>", ""])


def _group(row, y):
    left, width = _MARGIN + _LABEL, _WIDTH - 2 * _MARGIN - _LABEL - _VALUE
    bound = _bound(row)
    top = max([result["value"] for result in row["peers"].values()] + [bound or 0.0])
    y += _TITLE
    parts = [
        f'<text x="{_MARGIN}" y="{y - 6}" font-weight="600">{escape(row["title"])}'
        f'<tspan font-weight="400" fill="#555">  {escape(row["unit"])} · {escape(row["verdict"]["text"])}</tspan></text>'
    ]
    first = y
    for name, result in row["peers"].items():
        length = result["value"] / top * width
        middle = y + _BAR - 5
        parts += [
            f'<text x="{left - 8}" y="{middle}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2" fill="{_colour(name)}"/>',
            f'<text x="{left + length + 6:.1f}" y="{middle}">{report.number(row, result["value"])}</text>',
        ]
        y += _BAR + _GAP
    if bound is not None:
        x = left + bound / top * width
        parts.append(
            f'<line x1="{x:.1f}" y1="{first - 3}" x2="{x:.1f}" y2="{y - 1}" stroke="{_TARGET_COLOUR}" '
            f'stroke-dasharray="4 3"><title>what Weir must reach: {escape(row["target"]["text"])}</title></line>'
        )
    return parts, y + _GROUP_GAP


def _bound(row):
    """The target in the row's unit, None when its reference was not measured or is another row."""
    target = row["target"]
    if target["row"]:
        return None
    if not target["references"]:
        return target["limit"]
    if not target["ratio"]:
        return None
    known = [row["peers"][name]["value"] for name in target["references"] if name in row["peers"]]
    return target["ratio"] * min(known) if known else None


def _colour(name):
    return _COLOURS.get(name.partition("-")[0], "#888888")
