import unittest

from tools.checks import anatomy
from tools.checks.repository import Repository

FOLDER = "extensions/http_filters/cors"
PROTO = "api/weir/extensions/http_filters/cors/v1/cors.proto"
PAGE = "docs/extensions/http_filters/cors.md"


def whole():
    return {
        "extensions/all_extensions.cc": f'#include "{FOLDER}/config.h"\n',
        f"{FOLDER}/BUILD.bazel": "",
        f"{FOLDER}/config.h": "namespace weir::extensions::http_filters::cors {\n",
        f"{FOLDER}/config.cc": "",
        f"{FOLDER}/cors.cc": "",
        f"test/{FOLDER}/cors_test.cc": "",
        PROTO: 'syntax = "proto3";\npackage weir.extensions.http_filters.cors.v1;\n',
        PAGE: "# Cors\n```textproto\n[http_filters/cors] {}\n```\n",
    }


def check(texts):
    return [str(finding) for finding in anatomy.check(Repository.of(texts))]


class Anatomy(unittest.TestCase):
    def test_a_whole_extension(self):
        self.assertEqual(check(whole()), [])

    def test_each_missing_part_is_named(self):
        for part in whole():
            if part.endswith("/cors.cc") or part == "extensions/all_extensions.cc":
                continue
            texts = whole()
            del texts[part]
            found = check(texts)
            self.assertEqual(len(found), 1, part)
            self.assertIn(part.rsplit("/", 1)[0], found[0])

    def test_an_unlisted_extension(self):
        texts = whole()
        texts["extensions/all_extensions.cc"] = ""
        self.assertIn("does not list extensions/http_filters/cors", check(texts)[0])

    def test_the_proto_package_is_the_folder(self):
        texts = whole()
        texts[PROTO] = "package weir.other;\n"
        self.assertIn("weir.extensions.http_filters.cors.v1", check(texts)[0])

    def test_the_namespace_is_the_folder(self):
        texts = whole()
        texts[f"{FOLDER}/config.h"] = "namespace weir::cors {\n"
        self.assertIn("is not in namespace weir::extensions::http_filters::cors", check(texts)[0])

    def test_the_page_shows_an_example(self):
        texts = whole()
        texts[PAGE] = "Cors: [http_filters/cors]\n"
        self.assertIn("shows no example", check(texts)[0])

    def test_shared_code_of_a_category_is_no_extension(self):
        texts = whole()
        texts["extensions/http_filters/common/pass.h"] = ""
        texts["test/extensions/http_filters/common/pass_test.cc"] = ""
        self.assertEqual(check(texts), [])

    def test_an_unknown_category(self):
        texts = {path.replace("http_filters", "filters"): text.replace("http_filters", "filters") for path, text in whole().items()}
        self.assertIn("filters is not a category", check(texts)[0])

    def test_what_a_deleted_extension_left_behind(self):
        texts = {"docs/extensions/http_filters/gone.md": "", "test/extensions/http_filters/gone/gone_test.cc": ""}
        self.assertEqual(len(check(texts)), 2)


if __name__ == "__main__":
    unittest.main()
