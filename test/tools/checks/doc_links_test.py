import unittest

from tools.checks import doc_links
from tools.checks.repository import Repository


def check(page, **others):
    texts = {"docs/page.md": page, "docs/other.md": "# Other\n## Two words, `code`\n", "source/http/BUILD.bazel": "", "source/http/a.h": ""}
    return [str(finding) for finding in doc_links.check(Repository.of(texts))]


class DocLinks(unittest.TestCase):
    def test_links_that_lead_somewhere(self):
        self.assertEqual(check("[a](other.md) [b](../source/http/a.h) [c](https://example.com/x) [d](../source/http/)"), [])
        self.assertEqual(check("[a](other.md#two-words-code) [b](#here)\n# Here"), [])

    def test_links_that_do_not(self):
        self.assertEqual(check("\n[a](gone.md)"), ["docs/page.md:2: the link gone.md leads nowhere: there is no docs/gone.md"])
        self.assertEqual(len(check("[a](other.md#three) ![i](no.svg)")), 2)

    def test_file_names_in_code(self):
        self.assertEqual(check("`source/http/a.h` `source/http/` `source/http/a.h:12` `//source/http:a` `//source/...`"), [])
        self.assertEqual(check("`tools/<name>` `docs/extensions/CATEGORY/NAME.md` `test/NAME/` `extensions/*/x` `a/b.h` `source/{a,b}.h`"), [])
        self.assertEqual(len(check("`source/http/gone.h` `//source/gone:x`")), 2)

    def test_code_blocks_are_left_alone(self):
        self.assertEqual(check("```\n[a](gone.md) `source/gone.h`\n```\n"), [])


class Anchors(unittest.TestCase):
    def test_repeated_headings_are_numbered(self):
        self.assertEqual(doc_links.anchors("# A b\n# A b\n```\n# not\n```\n"), {"a-b", "a-b-1"})


if __name__ == "__main__":
    unittest.main()
