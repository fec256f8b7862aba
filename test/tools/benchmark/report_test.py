import unittest
import xml.etree.ElementTree as ElementTree

from tools.benchmark import chart, compare, report, rows
from tools.benchmark.loads import Sample
from tools.benchmark.measurement import Result

FACTS = {
    "cpu": "a <cpu> & more",
    "kernel": "6.1",
    "rounds": 3,
    "seconds": 3,
    "proxy_core": 1,
    "load_core": 0,
    "peers": {"relay": "", "nginx": "nginx 1", "haproxy": "", "haproxy-tuned": "", "weir": "weir 1"},
}
DETAILS = {"requests_per_second": 1e5, "p50_us": 600, "p90_us": 700, "p99_us": 900, "busy": 0.97, "user_share": 0.2}


def result(*values, errors=None):
    return Result([Sample(value, {**DETAILS, "errors": errors or {}}) for value in values])


def run(**values):
    """A document of the keep-alive row, with these medians."""
    measured = {name: result(value) for name, value in values.items()}
    return report.document(FACTS, rows.rows_named(["keepalive"]), {"keepalive": measured}, [])


class Verdicts(unittest.TestCase):
    def test_met_missed_and_not_judged(self):
        target = rows.Target(0.85, ("nginx",))
        self.assertIs(report.verdict(target, {"nginx": 10.0, "weir": 8.5})["met"], True)
        missed = report.verdict(target, {"nginx": 10.0, "weir": 10.2})
        self.assertIs(missed["met"], False)
        self.assertEqual(missed["text"], "MISSED by 20.0 %: 1.02 × nginx")
        self.assertIsNone(report.verdict(target, {"relay": 7.0, "weir": 8.5})["met"])
        self.assertIsNone(report.verdict(target, {"nginx": 10.0})["met"])

    def test_the_best_of_several_references_counts(self):
        target = rows.Target(0.95, ("nginx", "haproxy"))
        got = report.verdict(target, {"nginx": 12.0, "haproxy": 10.0, "weir": 9.6})
        self.assertIs(got["met"], False)
        self.assertIn("haproxy", got["text"])

    def test_without_a_ratio_it_is_only_compared(self):
        got = report.verdict(rows.Target(references=("nginx",)), {"nginx": 10.0, "weir": 9.0})
        self.assertEqual((got["met"], got["text"]), (None, "0.90 × nginx"))
        self.assertEqual(rows.Target(references=("nginx",)).text(), "–")

    def test_absolute_limit(self):
        target = rows.Target(limit=600)
        self.assertIs(report.verdict(target, {"weir": 600.0})["met"], True)
        self.assertEqual(report.verdict(target, {"weir": 660.0})["text"], "MISSED by 10.0 %: 660")


    def test_against_itself_in_another_row(self):
        target = rows.Target(1.03, row="endpoints-1")
        self.assertIs(report.verdict(target, {"weir": 10.2}, 10.0)["met"], True)
        self.assertEqual(report.verdict(target, {"weir": 10.5}, 10.0)["text"], "MISSED by 1.9 %: 1.05 × its endpoints-1")
        self.assertIsNone(report.verdict(target, {"weir": 10.5})["met"])
        measured = {"endpoints-1": {"weir": result(10.0)}, "endpoints-1000": {"weir": result(10.1)}}
        doc = report.document(FACTS, rows.rows_named(["endpoints-1", "endpoints-1000"]), measured, [])
        self.assertIs(doc["rows"][1]["verdict"]["met"], True)
        self.assertIn("endpoints-1000", chart.svg(doc) + report.markdown(doc))


    def test_over_itself_in_another_row_by_an_amount(self):
        target = rows.Target(row="keepalive", over=0.15)
        self.assertEqual(target.text(), "≤ its keepalive + 0.15")
        # The second round met a slow machine; its difference counts for what it is.
        before = result(10.0, 14.0, 10.0)
        met = report.verdict_over(target, result(10.1, 14.1, 10.3), before)
        self.assertEqual((met["met"], met["text"]), (True, "met: +0.10 to its keepalive"))
        missed = report.verdict_over(target, result(10.5, 14.4, 10.1), before)
        self.assertEqual((missed["met"], missed["text"]), (False, "MISSED by 0.25: +0.40 to its keepalive"))
        self.assertIsNone(report.verdict_over(target, before, None)["met"])
        self.assertIsNone(report.verdict_over(target, None, before)["met"])

    def test_a_row_held_against_another_one_by_an_amount_has_a_verdict(self):
        measured = {"keepalive": {"weir": result(10.0)}, "plugin-filter": {"weir": result(10.1)}}
        doc = report.document(FACTS, rows.rows_named(["keepalive", "plugin-filter"]), measured, [])
        self.assertEqual(doc["rows"][1]["verdict"]["text"], "met: +0.10 to its keepalive")
        self.assertIn("≤ its keepalive + 0.15", chart.svg(doc) + report.markdown(doc))
        alone = report.document(FACTS, rows.rows_named(["plugin-filter"]), {"plugin-filter": {}}, [])
        self.assertIsNone(alone["rows"][0]["verdict"]["met"])


class Results(unittest.TestCase):
    def test_median_spread_and_errors_over_rounds(self):
        got = result(10.0, 30.0, 11.0, errors={"timeout": 2})
        self.assertEqual(got.value(), 11.0)
        self.assertAlmostEqual(got.spread(), 10 / 11)
        self.assertEqual(got.errors(), {"timeout": 6})
        self.assertIsNone(got.detail("clients"))


class Output(unittest.TestCase):
    def test_tables_have_a_column_for_each_peer_and_weir_last(self):
        table = report.main_table(run(weir=8.0, nginx=10.0, relay=7.0))
        self.assertEqual(table[0][1:4], ["relay", "nginx", "weir"])
        self.assertEqual(table[1][1:4], ["7.00", "10.00", "8.00"])
        self.assertIn("| relay | nginx | weir |", report.markdown(run(weir=8.0, nginx=10.0, relay=7.0)))

    def test_a_failed_peer_is_said(self):
        doc = report.document(
            FACTS, rows.rows_named(["keepalive"]), {"keepalive": {"weir": result(8.0)}}, [("keepalive", "nginx")]
        )
        self.assertEqual(doc["rows"][0]["failed"], ["nginx"])

    def test_the_chart_is_xml_with_a_bar_for_each_peer_inside_the_page(self):
        root = ElementTree.fromstring(chart.svg(run(weir=8.0, nginx=10.0, relay=7.0)))
        bars = [e for e in root if e.tag.endswith("rect")][1:]
        self.assertEqual(len(bars), 3)
        for bar in bars:
            self.assertLess(float(bar.get("x")) + float(bar.get("width")), float(root.get("width")))


def storm(**values):
    """A document of the row with a storm of handshakes, with these 99th percentiles."""
    details = {"calm_p50_us": 100, "calm_p99_us": 200, "storm_p50_us": 150, "handshakes_per_second": 1000.0}
    measured = {name: Result([Sample(p99, {**details, "storm_p99_us": p99})]) for name, p99 in values.items()}
    return report.document(FACTS, rows.rows_named(["handshake-storm"]), {"handshake-storm": measured}, [])


class Storm(unittest.TestCase):
    def test_latency_with_and_without_it_has_a_table_of_its_own(self):
        doc = storm(nginx=4000.0, weir=1000.0)
        self.assertEqual(report.storm_table(doc)[1][1:], ["nginx", "0.10", "0.20", "0.15", "4.00", "1000", "–"])
        self.assertEqual(len(report.detail_table(doc)), 1)
        self.assertIn("## Requests beside handshakes", report.markdown(doc))
        self.assertNotIn("## Requests beside handshakes", report.markdown(run(weir=8.0)))

    def test_it_has_a_chart_without_a_target(self):
        self.assertEqual(chart.svg(storm(nginx=4000.0, weir=1000.0)).count("<line"), 0)

    def test_a_change_of_latency_is_no_regression(self):
        table, regressions = compare.comparison(storm(weir=1000.0), storm(weir=2000.0))
        self.assertEqual((table[1][-1], regressions), ("latency, not judged", []))


class Comparison(unittest.TestCase):
    def test_worse_by_more_than_two_percent_is_a_regression(self):
        self.assertEqual(compare.comparison(run(weir=8.0), run(weir=8.2))[1], ["keepalive"])
        self.assertEqual(compare.comparison(run(weir=8.0), run(weir=8.1))[1], [])

    def test_a_slower_machine_is_not_a_regression(self):
        old, new = run(weir=8.0, nginx=10.0), run(weir=8.8, nginx=11.0)
        self.assertEqual(compare.comparison(old, new)[1], [])

    def test_rows_of_one_run_only_are_said(self):
        table, regressions = compare.comparison(run(nginx=10.0), run(weir=8.0))
        self.assertEqual((table[1][-1], regressions), ("not in both runs", []))


class Rows(unittest.TestCase):
    def test_unknown_rows_are_named(self):
        with self.assertRaisesRegex(ValueError, "nosuch"):
            rows.rows_named(["keepalive", "nosuch"])

    def test_the_browser_head_has_the_size_its_row_says(self):
        head = "GET /128 HTTP/1.1\r\nHost: 127.0.0.1:12345\r\n" + "".join(f"{k}: {v}\r\n" for k, v in rows.BROWSER_HEAD)
        self.assertTrue(650 <= len(head) + 2 <= 800, len(head))


if __name__ == "__main__":
    unittest.main()
