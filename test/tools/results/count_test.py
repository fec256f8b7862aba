import json
import unittest

from tools.results import count

GTEST = """<?xml version="1.0"?>
<testsuites><testsuite name="A">
  <testcase name="One" status="run" result="completed" classname="A"/>
  <testcase name="Two" status="run" result="completed" classname="A"><failure message="no"/></testcase>
  <testcase name="Off" status="notrun" result="suppressed" classname="A"/>
  <testcase name="Skip" status="run" result="skipped" classname="A"><skipped message="why"/></testcase>
</testsuite></testsuites>"""

PASSING = '<testsuites><testsuite><testcase name="One" classname="A"/><testcase name="Two" classname="A"/></testsuite></testsuites>'


def result(label, status, shard=1, attempt=1, xml="/x.xml"):
    outputs = [{"name": "test.log", "uri": "file:///log"}, {"name": "test.xml", "uri": "file://" + xml}]
    return json.dumps(
        {
            "id": {"testResult": {"label": label, "run": 1, "shard": shard, "attempt": attempt}},
            "testResult": {"testActionOutput": outputs, "status": status},
        }
    )


FINISHED = json.dumps({"id": {"buildFinished": {}}, "finished": {"exitCode": {"name": "SUCCESS"}}})


def tally(lines, files):
    return count.count_events(lines + [FINISHED], read=lambda path: files.get(path, ""))


class CountCases(unittest.TestCase):
    def test_passed_failed_and_skipped_are_told_apart(self):
        cases, readable = count.count_cases("//a", GTEST)
        self.assertTrue(readable)
        self.assertEqual((cases.passed, cases.failures, cases.skipped), (1, ["//a A.Two"], 2))

    def test_broken_xml_is_not_readable(self):
        self.assertFalse(count.count_cases("//a", "<testsuite>")[1])


class CountEvents(unittest.TestCase):
    def test_cases_of_every_target_are_summed(self):
        got = tally([result("//a", "PASSED"), result("//b", "PASSED")], {"/x.xml": PASSING})
        self.assertEqual((got.passed, got.failures), (4, []))

    def test_failed_cases_are_counted_once(self):
        got = tally([result("//a", "FAILED")], {"/x.xml": GTEST})
        self.assertEqual((got.passed, got.failures), (1, ["//a A.Two"]))

    def test_a_crash_without_xml_is_one_failure(self):
        got = tally([result("//a", "FAILED")], {})
        self.assertEqual((got.passed, got.failures), (0, ["//a (failed)"]))

    def test_a_failure_that_the_xml_does_not_show_is_one_failure(self):
        got = tally([result("//a", "FAILED")], {"/x.xml": PASSING})
        self.assertEqual((got.passed, got.failures), (2, ["//a (failed)"]))

    def test_a_timeout_is_one_failure(self):
        self.assertEqual(tally([result("//a", "TIMEOUT")], {}).failures, ["//a (timeout)"])

    def test_only_the_last_attempt_counts(self):
        lines = [result("//a", "FAILED", xml="/bad.xml"), result("//a", "PASSED", attempt=2)]
        got = tally(lines, {"/bad.xml": GTEST, "/x.xml": PASSING})
        self.assertEqual((got.passed, got.failures), (2, []))

    def test_shards_are_summed(self):
        got = tally([result("//a", "PASSED"), result("//a", "PASSED", shard=2)], {"/x.xml": PASSING})
        self.assertEqual(got.passed, 4)

    def test_a_target_that_does_not_build_is_one_failure(self):
        event = json.dumps({"id": {"targetCompleted": {"label": "//a"}}, "aborted": {"reason": "UNKNOWN"}})
        self.assertEqual(tally([event], {}).failures, ["//a (did not build)"])

    def test_what_a_phase_did_not_come_to_is_no_failure_when_its_time_was_up(self):
        aborted = json.dumps({"id": {"targetCompleted": {"label": "//b"}}, "aborted": {"reason": "USER_INTERRUPTED"}})
        ended = json.dumps({"id": {"buildFinished": {}}, "finished": {"exitCode": {"name": "INTERRUPTED", "code": 8}}})
        stopped = json.dumps({"id": {"testResult": {"label": "//c"}}, "aborted": {"reason": "USER_INTERRUPTED"}})
        lines = [result("//a", "PASSED"), aborted, stopped, result("//d", "FAILED"), ended]
        read = {"/x.xml": PASSING}.get
        got = count.count_events(lines, read=read, cut=True)
        self.assertEqual((got.passed, got.failures, got.unseen), (4, ["//d (failed)"], 2))
        got = count.count_events(lines, read=read)
        self.assertEqual((got.failures, got.unseen), (["//d (failed)", "//b (interrupted)", "//c (interrupted)"], 0))
        self.assertEqual(len(count.count_events([result("//a", "PASSED"), stopped, ended], read=read).failures), 1)

    def test_a_target_that_is_not_for_this_configuration_is_no_failure(self):
        event = json.dumps({"id": {"targetCompleted": {"label": "//a"}}, "aborted": {"reason": "SKIPPED"}})
        self.assertEqual(tally([event], {}).failures, [])

    def test_a_pattern_that_cannot_be_loaded_is_one_failure(self):
        event = json.dumps({"id": {"pattern": {"pattern": ["//no"]}}, "aborted": {"description": "no such package"}})
        self.assertEqual(tally([event], {}).failures, ["//no (no such package)"])

    def test_a_run_that_did_not_end_is_one_failure(self):
        got = count.count_events([result("//a", "PASSED"), '{"half'], read=lambda _: PASSING)
        self.assertEqual((got.passed, len(got.failures)), (2, 1))

    def test_passing_without_xml_is_a_failure(self):
        self.assertEqual(len(tally([result("//a", "PASSED")], {}).failures), 1)


if __name__ == "__main__":
    unittest.main()
