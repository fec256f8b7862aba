"""tools/balancing_plot, on results of its own."""

import importlib.machinery
import importlib.util
import json
import pathlib
import tempfile
import unittest
import xml.etree.ElementTree

LOADER = importlib.machinery.SourceFileLoader("balancing_plot", "tools/balancing_plot")
SPEC = importlib.util.spec_from_loader(LOADER.name, LOADER)
plot = importlib.util.module_from_spec(SPEC)
LOADER.exec_module(plot)


def row(name, p99, slow_share=0.0):
    return {"algorithm": name, "requests": 9, "mean_ms": 1.0, "p50_ms": 0.5, "p99_ms": p99, "p999_ms": 2 * p99, "slow_share": slow_share}


DOC = {
    "requests": 10,
    "seed": 1,
    "scenarios": [
        {"name": "a", "title": "One <slow> & others", "rows": [row("x", 20, 0.05), row("y", 4000)]},
        {"name": "b", "title": "None", "rows": [row("x", 1)]},
    ],
}


class BalancingPlotTest(unittest.TestCase):
    def test_the_plot_is_well_formed_and_inside_itself(self):
        root = xml.etree.ElementTree.fromstring(plot.svg(DOC))
        circles = [e for e in root.iter() if e.tag.endswith("circle")]
        self.assertEqual(len(circles), 3 + 3 * 3)
        for circle in circles:
            self.assertTrue(0 < float(circle.get("cx")) < float(root.get("width")))
            self.assertTrue(0 < float(circle.get("cy")) < float(root.get("height")))

    def test_nothing_and_equals_have_a_place(self):
        doc = {"requests": 1, "seed": 1, "scenarios": [{"title": "t", "rows": [{**row("x", 0), "p50_ms": 0.0}]}]}
        xml.etree.ElementTree.fromstring(plot.svg(doc))

    def test_tables(self):
        text = plot.tables(DOC)
        self.assertIn("### One <slow> & others\n\n| algorithm | mean | p50 | p99 | p99.9 | to the slow one |", text)
        self.assertIn("| x | 1.0 | 0.5 | 20.0 | 40.0 | 5.00 % |", text)
        self.assertIn("| y | 1.0 | 0.5 | 4000 | 8000 | 0.00 % |", text)
        self.assertIn("| x | 1.0 | 0.5 | 1.0 | 2.0 |\n", text)

    def test_only_what_is_between_the_marks_is_written(self):
        page = f"before\n{plot.BEGIN}\nold\n{plot.END}\nafter\n"
        once = plot.rewritten(page, DOC)
        self.assertTrue(once.startswith("before\n") and once.endswith(f"{plot.END}\nafter\n"))
        self.assertNotIn("old", once)
        self.assertEqual(plot.rewritten(once, DOC), once)
        with self.assertRaises(SystemExit):
            plot.rewritten("no marks", DOC)

    def test_refuses_what_is_no_result(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "r.json"
            for text in ("", "[]", "{}", '{"scenarios": []}', '{"scenarios": [{"rows": []}]}'):
                path.write_text(text, encoding="utf-8")
                with self.assertRaisesRegex(SystemExit, "is not what the simulation prints"):
                    plot.read(path)
            with self.assertRaises(SystemExit):
                plot.read(path.with_name("absent"))
            path.write_text(json.dumps(DOC), encoding="utf-8")
            self.assertEqual(plot.read(path), DOC)


if __name__ == "__main__":
    unittest.main()
