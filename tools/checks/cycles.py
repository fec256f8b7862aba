"""No header includes itself through others."""

from tools.checks import cpp
from tools.checks.repository import Finding

NAME = "cycles"
ABOUT = "no cycles among #includes"


def check(repository):
    graph = {}
    for path in repository.ending(*cpp.SUFFIXES):
        entries = cpp.includes(repository.text(path))
        graph[path] = [(line, target) for line, target, quoted in entries if quoted and repository.has(target)]
    findings = []
    done = set()
    for start in sorted(graph):
        stack = [(start, iter(graph[start]))]
        on_path = [start]
        if start in done:
            continue
        while stack:
            path, edges = stack[-1]
            for line, target in edges:
                if target in on_path:
                    circle = on_path[on_path.index(target) :] + [target]
                    findings.append(Finding(path, line, "includes go in a circle: " + " -> ".join(circle)))
                elif target not in done:
                    stack.append((target, iter(graph.get(target, []))))
                    on_path.append(target)
                    break
            else:
                done.add(path)
                stack.pop()
                on_path.pop()
    return findings
