import unittest

from tools.checks import cycles
from tools.checks.repository import Repository


def check(graph):
    texts = {path: "".join(f'#include "{target}"\n' for target in targets) for path, targets in graph.items()}
    return [str(finding) for finding in cycles.check(Repository.of(texts))]


class Cycles(unittest.TestCase):
    def test_a_diamond_is_fine(self):
        self.assertEqual(check({"a.h": ["b.h", "c.h"], "b.h": ["d.h"], "c.h": ["d.h"], "d.h": []}), [])

    def test_a_circle_is_found_once(self):
        found = check({"a.h": ["b.h"], "b.h": ["c.h"], "c.h": ["a.h"], "d.h": ["a.h"]})
        self.assertEqual(found, ["c.h:1: includes go in a circle: a.h -> b.h -> c.h -> a.h"])

    def test_a_header_that_includes_itself(self):
        self.assertEqual(len(check({"a.h": ["a.h"]})), 1)

    def test_files_that_do_not_exist_are_not_ours(self):
        self.assertEqual(check({"a.h": ["absl/status.h"]}), [])


if __name__ == "__main__":
    unittest.main()
