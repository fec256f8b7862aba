import unittest

from tools.checks import banned
from tools.checks.repository import Repository


def check(path, line):
    return [str(finding) for finding in banned.check(Repository.of({path: "// first\n" + line}))]


class Banned(unittest.TestCase):
    def test_each_ban_finds_its_call(self):
        for line in (
            "auto t = std::chrono::steady_clock::now();",
            "clock_gettime(CLOCK_MONOTONIC, &ts);",
            "std::this_thread::sleep_for(1s);",
            "usleep(10);",
            "int r = rand();",
            "std::mt19937 engine;",
            "throw 1;",
            "try {",
            "} catch (...) {",
            "std::mutex mutex_;",
            "std::lock_guard lock(mutex_);",
            "std::thread t([] {});",
            'printf("x");',
            "std::cerr << 1;",
            "using namespace std;",
        ):
            self.assertEqual(len(check("source/http/a.cc", line)), 1, line)

    def test_what_only_looks_like_it_is_fine(self):
        for line in (
            "// we never throw here",
            'log("sleep(1) and throw");',
            "dispatcher.now();",
            "operand(1);",
            "retry {",
            "snprintf(buffer, size, format);",
            "std::thread::id owner;",
            "int64_t big = 1'000'000; int x = 2; char c = '\"';",
            "entry.time();",
        ):
            self.assertEqual(check("source/http/a.cc", line), [], line)

    def test_homes_are_free(self):
        self.assertEqual(check("source/event/uv.cc", "auto t = std::chrono::steady_clock::now();"), [])
        self.assertEqual(check("source/server/pool.cc", "std::thread worker_;"), [])
        self.assertEqual(check("source/exe/main.cc", 'printf("x");'), [])

    def test_a_class_that_says_thread_safe_has_a_lock(self):
        self.assertEqual(check("source/http/a.h", "// Thread-safe.\nclass A { std::mutex mutex_; };"), [])
        header = {"source/http/a.h": "// Thread-safe.\n", "source/event/b.h": "// Thread-safe.\n"}
        line = "std::lock_guard lock(mutex_);"
        own = {**header, "source/http/a.cc": '#include "source/http/a.h"\n' + line}
        other = {**header, "source/http/a.cc": '#include "source/event/b.h"\n' + line}
        self.assertEqual(banned.check(Repository.of(own)), [])
        self.assertEqual(len(banned.check(Repository.of(other))), 1)

    def test_tests_may_use_real_time_and_threads_but_not_sleep_or_throw(self):
        self.assertEqual(check("test/e2e/a_test.cc", "std::thread t; auto n = std::chrono::steady_clock::now();"), [])
        self.assertEqual(len(check("test/e2e/a_test.cc", "sleep(1);")), 1)
        self.assertEqual(len(check("test/e2e/a_test.cc", "throw 1;")), 1)

    def test_a_line_can_be_allowed_with_a_reason(self):
        self.assertEqual(check("source/http/a.cc", "std::mutex m;  // check: allow(banned): shared with signal code"), [])
        self.assertEqual(len(check("source/http/a.cc", "std::mutex m;  // check: allow(banned):")), 1)

    def test_the_message_says_where_and_what_is_right(self):
        self.assertEqual(
            check("source/http/a.cc", "usleep(1);"),
            ["source/http/a.cc:2: usleep(: wait for an event or a timer of the dispatcher"],
        )


if __name__ == "__main__":
    unittest.main()
