import unittest

from tools.checks import cpp, mirror, words
from tools.checks.repository import Repository


class Words(unittest.TestCase):
    def check(self, text, path="docs/a.md"):
        return words.check(Repository.of({path: text}))

    def test_paths_of_one_machine(self):
        self.assertEqual(len(self.check("see /" + "work/main/x")), 1)
        self.assertEqual(len(self.check("/tmp/" + "bz/x")), 1)
        self.assertEqual(self.check("the network/work/flow of homework/ and /tmp/weir"), [])

    def test_work_left_to_do(self):
        self.assertEqual(len(self.check("// TO" + "DO: later", "source/a.cc")), 1)
        self.assertEqual(len(self.check("<" * 7 + " HEAD")), 1)

    def test_corpora_are_bytes(self):
        self.assertEqual(self.check("/" + "work/", "test/fuzz/corpus/a/b"), [])


class Mirror(unittest.TestCase):
    def check(self, *paths):
        return mirror.check(Repository.of(dict.fromkeys(paths, "")))

    def test_a_test_stands_where_its_subject_does(self):
        self.assertEqual(self.check("test/http/a_test.cc", "source/http/a.h"), [])
        self.assertEqual(self.check("test/extensions/x/y/a_test.cc", "extensions/x/y/a.h"), [])
        self.assertEqual(self.check("test/integration/a_test.cc"), [])

    def test_a_test_without_subject(self):
        self.assertEqual(len(self.check("test/htpp/a_test.cc", "source/http/a.h")), 1)


class WithoutCommentsAndLiterals(unittest.TestCase):
    def test_lines_stay(self):
        text = 'a; // x\n/* y\n z */ b("q\\"q", \'c\', 1\'000);\nR"(raw "\n)" d;\n'
        code = cpp.without_comments_and_literals(text)
        self.assertEqual(code.count("\n"), text.count("\n"))
        self.assertEqual(code.split(), ["a;", "b(", ",", ",", "1'000);", "d;"])

    def test_includes_are_read(self):
        self.assertEqual(cpp.includes('#include <a.h>\n\n# include "b/c.h"\n'), [(1, "a.h", False), (3, "b/c.h", True)])


if __name__ == "__main__":
    unittest.main()
