import unittest

from tools.checks import library_homes
from tools.checks.repository import Repository


def check(texts):
    return [str(finding) for finding in library_homes.check(Repository.of(texts))]


class LibraryHomes(unittest.TestCase):
    def test_at_home(self):
        self.assertEqual(check({"source/event/uv_dispatcher.cc": "#include <uv.h>"}), [])
        self.assertEqual(check({"source/http/http1/parser.cc": "#include <llhttp.h>"}), [])
        self.assertEqual(check({"extensions/http_filters/lua/config.cc": '#include "google/protobuf/any.pb.h"'}), [])
        self.assertEqual(check({"extensions/http_filters/lua/state.cc": "#include <lua.hpp>"}), [])

    def test_away_from_home(self):
        found = check({"source/network/socket.cc": "\n#include <uv.h>"})
        self.assertEqual(found, ["source/network/socket.cc:2: includes libuv (<uv.h>); its home is source/event/"])
        self.assertEqual(len(check({"source/http/codec.cc": "#include <llhttp.h>"})), 1)
        self.assertEqual(len(check({"extensions/http_filters/lua/filter.cc": '#include "google/protobuf/any.h"'})), 1)

    def test_a_header_must_not_show_a_library_to_others(self):
        found = check(
            {
                "source/event/uv_loop.h": "#include <uv.h>",
                "source/event/uv_dispatcher.h": '#include "source/event/uv_loop.h"',
                "source/server/worker.cc": '#include "source/event/uv_dispatcher.h"',
            }
        )
        self.assertEqual(len(found), 1)
        self.assertIn("source/event/uv_loop.h:1: shows libuv (<uv.h>) to source/server/worker.cc", found[0])

    def test_a_header_of_the_folder_alone_may_include_it(self):
        texts = {
            "source/event/uv_loop.h": "#include <uv.h>",
            "source/event/uv_dispatcher.cc": '#include "source/event/uv_loop.h"',
        }
        self.assertEqual(check(texts), [])

    def test_protobuf_may_be_shown(self):
        texts = {
            "source/config/parser.h": '#include "google/protobuf/message.h"',
            "extensions/tracers/a/config.h": '#include "source/config/parser.h"',
        }
        self.assertEqual(check(texts), [])

    def test_a_line_can_be_allowed_with_a_reason(self):
        allowed = "#include <uv.h>  // check: allow(library_homes): measures libuv itself"
        self.assertEqual(check({"source/network/a.cc": allowed}), [])
        self.assertEqual(len(check({"source/network/a.cc": "#include <uv.h>  // check: allow(library_homes):"})), 1)


if __name__ == "__main__":
    unittest.main()
