import unittest
from types import SimpleNamespace

from tools.benchmark import loads
from tools.benchmark.processes import BenchError

PROXY = SimpleNamespace(name="nginx", process=SimpleNamespace(log_tail=lambda: ""))


def result(line):
    return loads._result(PROXY, ["client"], f"running\n{line}\n")


class Results(unittest.TestCase):
    def test_errors_are_apart_from_requests(self):
        got = result("result microseconds=500000 requests=100 connect=0 read=3 timeout=1 p50=1 p90=2 p99=3")
        self.assertEqual(got["requests"], 100)
        self.assertEqual(loads._errors(got), {"read": 3, "timeout": 1})
        self.assertEqual(loads._rate(got), 200.0)

    def test_what_was_not_served_as_asked_is_no_measurement(self):
        for line in (
            "result microseconds=1 requests=0 read=3",
            "result microseconds=1 requests=5 status=1",
            "result microseconds=1 requests=5 answer=1",
            "result microseconds=1 requests=5 session=1",
            "no such line",
        ):
            with self.subTest(line), self.assertRaises(BenchError):
                result(line)

    def test_h2load_says_how_many_succeeded_and_how_long_they_took(self):
        output = (
            "requests: 1000 total, 1128 started, 1000 done, 990 succeeded, 4 failed, 3 errored, 3 timeout\n"
            "                     min         max         mean         sd        +/- sd\n"
            "time for request:       75us      2.90ms      1.29ms       341us    87.61%\n"
        )
        got = result(loads.h2load_result(output, seconds=2))
        self.assertEqual((got["requests"], got["microseconds"], got["mean"]), (990, 2_000_000, 1290))
        self.assertEqual(loads._errors(got), {"failed": 4, "errored": 3, "timeouts": 3})
        with self.assertRaises(BenchError):
            loads.h2load_result("starting benchmark...\n", seconds=2)

    def test_errors_of_several_runs_are_summed_by_kind(self):
        self.assertEqual(loads._sum({"read": 1}, {}, {"read": 2, "connect": 4}), {"read": 3, "connect": 4})


if __name__ == "__main__":
    unittest.main()
