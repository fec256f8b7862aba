import unittest

from tools.checks import headers
from tools.checks.repository import Repository


def check(text, path="source/http/a.h"):
    return [finding.message for finding in headers.check(Repository.of({path: text}))]


class Headers(unittest.TestCase):
    def test_pragma_once_comes_first(self):
        self.assertEqual(check("// Comment.\n#pragma once\n"), [])
        self.assertEqual(check("#include <a>\n#pragma once\n"), ["does not start with #pragma once"])

    def test_a_class_with_a_thread_word(self):
        self.assertEqual(check("#pragma once\n// Worker-confined. It\n// does.\nclass A {\n};\n"), [])
        self.assertEqual(check("#pragma once\n// A pair. Immutable.\ntemplate <class T>\nclass A : public B<T> {\n};\n"), [])

    def test_a_class_without_one(self):
        self.assertIn("class A", check("#pragma once\n// It does.\nclass A {\n};\n")[0])
        self.assertEqual(len(check("#pragma once\n\nclass A final\n    : public B {\n};\n")), 1)

    def test_forward_declarations_structs_and_nested_classes_need_none(self):
        self.assertEqual(check("#pragma once\nclass A;\nstruct B {\n  class C {};\n};\nenum class D { kA };\n"), [])

    def test_test_headers_need_no_thread_word(self):
        self.assertEqual(check("#pragma once\nclass A {\n};\n", "test/fakes/a.h"), [])


if __name__ == "__main__":
    unittest.main()
