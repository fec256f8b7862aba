import unittest

from tools.checks import layers
from tools.checks.repository import Repository


def check(path, include):
    text = f'#pragma once\n#include "{include}"\n'
    return [str(finding) for finding in layers.check(Repository.of({path: text}))]


class Layers(unittest.TestCase):
    def test_downward_and_own_folder_are_fine(self):
        self.assertEqual(check("source/http/codec.h", "source/base/regex.h"), [])
        self.assertEqual(check("source/http/codec.h", "source/http/http1/parser.h"), [])
        self.assertEqual(check("source/router/router.cc", "source/grpc/client.h"), [])
        self.assertEqual(check("source/upstream/pool.cc", "source/http/codec.h"), [])

    def test_upward_is_not(self):
        found = check("source/event/loop.cc", "source/network/socket.h")
        self.assertEqual(len(found), 1)
        self.assertIn("source/event/loop.cc:2: source/event includes source/network/socket.h", found[0])

    def test_siblings_do_not_see_each_other(self):
        for path, include in (
            ("source/buffer/a.h", "source/stats/b.h"),
            ("source/stats/a.h", "source/buffer/b.h"),
            ("source/grpc/a.h", "source/upstream/b.h"),
            ("source/upstream/a.h", "source/grpc/b.h"),
        ):
            self.assertEqual(len(check(path, include)), 1, path)

    def test_only_main_names_the_list_of_extensions(self):
        self.assertEqual(check("source/exe/main.cc", "extensions/all_extensions.h"), [])
        self.assertEqual(len(check("source/exe/cli.cc", "extensions/all_extensions.h")), 1)
        self.assertEqual(len(check("source/exe/main.cc", "extensions/tracers/a/config.h")), 1)

    def test_extensions_do_not_see_each_other(self):
        mine = "extensions/http_filters/lua/filter.cc"
        self.assertEqual(check(mine, "extensions/http_filters/lua/state.h"), [])
        self.assertEqual(check(mine, "extensions/http_filters/common/pass.h"), [])
        self.assertEqual(check(mine, "source/server/worker.h"), [])
        self.assertEqual(len(check(mine, "extensions/http_filters/cors/filter.h")), 1)
        self.assertEqual(len(check(mine, "extensions/network_filters/common/pass.h")), 1)
        self.assertEqual(len(check(mine, "extensions/all_extensions.h")), 1)

    def test_messages_reach_config_files_only(self):
        message = "api/weir/config/v1/config.pb.h"
        self.assertEqual(check("source/config/compiler.cc", message), [])
        self.assertEqual(check("extensions/http_filters/lua/config.cc", message), [])
        self.assertEqual(len(check("source/http/codec.cc", message)), 1)
        self.assertEqual(len(check("extensions/http_filters/lua/filter.cc", message)), 1)

    def test_what_ships_does_not_include_tests(self):
        self.assertEqual(len(check("source/exe/main.cc", "test/fakes/clock.h")), 1)
        self.assertEqual(len(check("api/weir/plugin/plugin.h", "source/base/status.h")), 1)

    def test_an_unknown_layer_is_named(self):
        self.assertIn("not a layer", check("source/misc/a.h", "source/base/b.h")[0])


if __name__ == "__main__":
    unittest.main()
