import unittest

from tools.checks import anatomy, banned, doc_links, headers, layers, library_homes, words
from tools.checks.repository import Repository
from tools.templates import generate

LIST = """#include "extensions/all_extensions.h"

#include "extensions/http_filters/cors/config.h"
#include "extensions/transport_sockets/plain/config.h"

  add(std::make_unique<http_filters::cors::CorsExtension>());
  add(std::make_unique<transport_sockets::plain::PlainExtension>());
}
"""


class Render(unittest.TestCase):
    def test_every_category_makes_a_whole_extension(self):
        for category in generate.categories():
            files = generate.render(category, "my_new_one")
            files[generate.LIST] = generate.list_extension(LIST, category, "my_new_one")
            for stub in ("cors", "plain"):
                files = {path: text for path, text in files.items() if f"/{stub}/" not in path}
            repository = Repository.of(files)
            for rule in (anatomy, banned, doc_links, headers, layers, library_homes, words):
                found = [str(finding) for finding in rule.check(repository)]
                self.assertEqual(found, [], f"{category}: {rule.NAME}")

    def test_nothing_is_left_unfilled(self):
        for category in generate.categories():
            for path, text in generate.render(category, "abc").items():
                self.assertNotRegex(path + text, r"@[\w-]+@", path)

    def test_names_follow_the_house(self):
        files = generate.render("http_filters", "my_new_one")
        self.assertIn("class MyNewOneFilter", files["extensions/http_filters/my_new_one/my_new_one.h"])
        self.assertIn("weir.extensions.http_filters.my_new_one.v1", files["api/weir/extensions/http_filters/my_new_one/v1/my_new_one.proto"])

    def test_an_unknown_category_or_a_bad_name_is_refused_with_help(self):
        with self.assertRaisesRegex(generate.Refused, "there are for: .*http_filters"):
            generate.render("http_filter", "abc")
        for name in ("Abc", "a-b", "", "../x", "_a", "common"):
            with self.assertRaisesRegex(generate.Refused, "not a name"):
                generate.render("http_filters", name)


class Lists(unittest.TestCase):
    def test_the_extension_is_listed_in_order(self):
        text = generate.list_extension(LIST, "network_filters", "echo")
        includes = [line for line in text.split("\n") if line.startswith("#include")][1:]
        self.assertEqual(includes, sorted(includes))
        adds = [line for line in text.split("\n") if "add(" in line]
        self.assertEqual(adds, sorted(adds))
        self.assertIn("network_filters::echo::EchoExtension", text)

    def test_first_and_last(self):
        first = generate.list_extension(LIST, "access_loggers", "a").split("\n")
        self.assertLess(first.index('#include "extensions/access_loggers/a/config.h"'), 3)
        self.assertIn("udp_filters::z::ZExtension", generate.list_extension(LIST, "udp_filters", "z").split("\n")[-3])

    def test_the_dependency_is_listed(self):
        text = 'deps = [\n        "//extensions/a/b:config",\n        "//source/base",\n    ],\n'
        self.assertEqual(
            generate.list_dependency(text, "http_filters", "c"),
            'deps = [\n        "//extensions/a/b:config",\n        "//extensions/http_filters/c:config",\n        "//source/base",\n    ],\n',
        )

    def test_a_list_that_was_rewritten_is_refused(self):
        with self.assertRaises(generate.Refused):
            generate.list_extension("int main() {}\n", "http_filters", "c")


if __name__ == "__main__":
    unittest.main()
