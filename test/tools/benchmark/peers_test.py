import os
import re
import tempfile
import unittest
from types import SimpleNamespace

from tools.benchmark import nginx_modules, peers, routes, rows, tls
from tools.benchmark.processes import BenchError
from tools.benchmark.upstreams import Upstreams


def configured():
    """Every proxy with a configuration, whether it is installed here or not."""
    return [
        peers.Nginx(None),
        peers.HaProxy("haproxy", "haproxy", "haproxy", "haproxy-{scenario}.cfg", ["-v"], peers._SPLICE),
        UncheckedWeir("weir", "/pass_through.so"),
    ]


class UncheckedWeir(peers.Weir):
    def arguments(self, path, folder):
        return [self.program, "run", "-c", path]


def bench(folder):
    certificate = tls.Certificate("/c.pem", "/k.pem", "/b.pem")
    return SimpleNamespace(
        origin_ports=[7001, 7002],
        http2_origin_ports=lambda: [7001, 7002],
        max_clients=10,
        max_files=20,
        folder=folder,
        certificate=lambda: certificate,
    )


def text_of(peer, scenario, upstreams=Upstreams()):
    with tempfile.TemporaryDirectory() as folder:
        command, port = peer.command(bench(folder), scenario, folder, upstreams)
        path = next(word for word in command if word and word.startswith(folder + os.sep) and not word.endswith("log"))
        with open(path) as file:
            return file.read(), port


class Templates(unittest.TestCase):
    def test_each_scenario_of_each_peer_has_one_that_names_port_and_origin(self):
        for peer in configured():
            for scenario in peer.scenarios:
                with self.subTest(peer=peer.name, scenario=scenario):
                    text, port = text_of(peer, scenario)
                    self.assertIn(f"127.0.0.1:{port}", text)
                    self.assertIn("127.0.0.1:7001", text)
                    self.assertIn("127.0.0.1:7002", text)

    def test_the_certificate_is_named_with_tls_only(self):
        for peer in configured():
            with self.subTest(peer=peer.name):
                self.assertRegex(text_of(peer, "tls")[0], r"/[cb]\.pem")
                self.assertNotRegex(text_of(peer, "http")[0], r"\.pem|ssl")

    def test_http2_is_spoken_where_the_scenario_says_so(self):
        said = {"nginx": " http2;", "haproxy": "h2", "weir": "HTTP_PROTOCOL_HTTP2"}
        for peer in configured():
            for scenario in peer.scenarios:
                with self.subTest(peer=peer.name, scenario=scenario):
                    expected = "-to-h2" in scenario if peer.name == "weir" else "h2" in scenario
                    self.assertEqual(said[peer.name] in text_of(peer, scenario)[0], expected)

    def test_all_clusters_endpoints_and_workers_are_there(self):
        workers = {"nginx": "worker_processes 4;", "haproxy": "nbthread 4", "weir": "workers: 4 "}
        for peer in configured():
            with self.subTest(peer=peer.name):
                text, _ = text_of(peer, "http", Upstreams(clusters=3, endpoints=700, workers=4))
                self.assertEqual(len(set(re.findall(r"127\.0\.\d+\.\d+:700[12]", text))), 2100)
                self.assertEqual(len(set(re.findall(r"(?:upstream|backend|name:) \"?(origin|idle[12])\b", text))), 3)
                self.assertIn(workers[peer.name], text)

    def test_scripts_are_there_where_the_scenario_says_so(self):
        for peer in configured():
            for scenario in set(peer.scenarios) & {"http", *peers.LUA_SCENARIOS}:
                with self.subTest(peer=peer.name, scenario=scenario):
                    found = "lua" in text_of(peer, scenario)[0]
                    self.assertEqual(found, scenario in peers.LUA_SCENARIOS)

    def test_the_plugin_is_loaded_and_used_where_the_scenario_says_so(self):
        weir = configured()[-1]
        self.assertRegex(text_of(weir, "plugin")[0], r'(?s)plugins \{.*"/pass_through.so".*\[http_filters/pass_through\]')
        self.assertNotIn("pass_through", text_of(weir, "http")[0])

    def test_nginx_without_its_stream_module_is_left_out_of_tcp_and_udp(self):
        self.assertEqual(peers.Nginx(None).scenarios, ("http", "tls", "h2c", "h2", "gzip", "cache", "routes-10", "routes-10000"))

    def test_features_are_there_where_the_scenario_says_so(self):
        said = {
            "nginx": {"gzip": "gzip on;", "cache": "proxy_cache all;"},
            "weir": {"gzip": "[http_filters/compressor]", "cache": "[http_filters/cache]"},
        }
        for peer in configured():
            for scenario in set(peer.scenarios) & {"http", *peers.FEATURE_SCENARIOS}:
                for feature, text in said[peer.name].items() if peer.name in said else ():
                    with self.subTest(peer=peer.name, scenario=scenario, feature=feature):
                        self.assertEqual(text in text_of(peer, scenario)[0], feature == scenario)

    def test_chains_have_as_many_filters_as_they_say_each_with_a_name_of_its_own(self):
        weir = configured()[-1]
        for scenario, filters in peers.CHAIN_SCENARIOS.items():
            text, _ = text_of(weir, scenario)
            self.assertEqual(len(set(re.findall(r'name: "(pass-\d+)"', text))), filters)


    def test_virtual_hosts_are_as_many_as_the_scenario_says_each_with_the_same_routes(self):
        said = {
            "nginx": (r"server_name (shop\d+\.example);", r"location \S+ .*\{ proxy_pass http://origin; \}"),
            "weir": (r'domains: "(shop\d+\.example)"', r"\n  routes \{ match \{ (?:path|prefix)"),
        }
        for peer in (peer for peer in configured() if peer.name in said):
            names, found = said[peer.name]
            for scenario in ("http", *peers.ROUTE_SCENARIOS):
                with self.subTest(peer=peer.name, scenario=scenario):
                    text, count = text_of(peer, scenario)[0], peers.ROUTE_SCENARIOS.get(scenario, 0)
                    self.assertEqual(len(set(re.findall(names, text))), count)
                    self.assertEqual(len(re.findall(found, text)), count * routes.ROUTES_PER_HOST)

    def test_nginx_has_room_for_the_names_of_all_hosts(self):
        sized = re.search(r"server_names_hash_max_size (\d+);", text_of(peers.Nginx(None), "routes-10000")[0])
        self.assertGreaterEqual(int(sized[1]), 10_000)


class Rows(unittest.TestCase):
    def test_rows_of_routes_ask_for_hosts_that_are_there(self):
        found = [row for row in rows.ROWS if row.scenario in peers.ROUTE_SCENARIOS]
        self.assertEqual([row.key for row in found], list(peers.ROUTE_SCENARIOS))
        for row in found:
            self.assertEqual(row.load.hosts, peers.ROUTE_SCENARIOS[row.scenario])

    def test_every_row_has_a_scenario_that_weir_knows_and_a_key_of_its_own(self):
        self.assertEqual(len({row.key for row in rows.ROWS}), len(rows.ROWS))
        for row in rows.ROWS:
            self.assertIn(row.scenario, peers.Weir.scenarios)
            self.assertIn("weir", row.peers)
            self.assertTrue(set(row.target.references) <= set(row.peers), row.key)
            self.assertTrue(not row.target.row or row.target.row in {other.key for other in rows.ROWS}, row.key)


class UnpackedModules(unittest.TestCase):
    def unpack(self, folder, *left_out):
        for name in (
            "usr/lib/nginx/modules/ndk_http_module.so",
            "usr/lib/nginx/modules/ngx_http_lua_module.so",
            "usr/lib/x86_64-linux-gnu/libluajit-5.1.so.2",
            "usr/share/lua/5.1/resty/core.lua",
            "usr/share/lua/5.1/resty/lrucache.lua",
        ):
            if os.path.basename(name) not in left_out:
                os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
                open(os.path.join(folder, name), "w").close()

    def test_nginx_has_lua_from_them_with_their_own_luajit(self):
        with tempfile.TemporaryDirectory() as modules, tempfile.TemporaryDirectory() as folder:
            self.unpack(modules)
            nginx = peers.Nginx(None, modules)
            self.assertTrue(set(peers.LUA_SCENARIOS) <= set(nginx.scenarios))
            text, _ = text_of(nginx, "lua-headers")
            self.assertIn(f"load_module {modules}/usr/lib/nginx/modules/ngx_http_lua_module.so;", text)
            self.assertIn(f'lua_package_path "{modules}/usr/share/lua/5.1/?.lua;;";', text)
            self.assertNotIn("lua", text_of(nginx, "http")[0])
            command, _ = nginx.command(bench(folder), "lua-body", folder, Upstreams())
            self.assertEqual(command[:2], ["env", f"LD_LIBRARY_PATH={modules}/usr/lib/x86_64-linux-gnu"])

    def test_what_is_missing_is_named(self):
        for name in ("ndk_http_module.so", "libluajit-5.1.so.2", "core.lua", "lrucache.lua"):
            with self.subTest(name), tempfile.TemporaryDirectory() as modules:
                self.unpack(modules, name)
                with self.assertRaisesRegex(BenchError, f"no .*{name} in it"):
                    nginx_modules.unpacked_lua(modules)


class Endpoints(unittest.TestCase):
    def test_two_are_the_ports_of_one_address_and_more_take_the_next(self):
        self.assertEqual(Upstreams().named([1, 2]), [("origin", ["127.0.0.1:1", "127.0.0.1:2"])])
        last = Upstreams(clusters=100, endpoints=100).named([1, 2])[-1]
        self.assertEqual((last[0], last[1][-1]), ("idle99", "127.0.19.250:2"))


class Urls(unittest.TestCase):
    def test_only_the_tls_scenarios_are_https(self):
        self.assertEqual(peers.Proxy("nginx", None, 80, "h2").url("/1m"), "https://127.0.0.1:80/1m")
        self.assertEqual(peers.Proxy("nginx", None, 80, "h2c").url("/1m"), "http://127.0.0.1:80/1m")
        self.assertEqual(peers.Proxy("nginx", None, 80, "tls").url("/1m"), "https://127.0.0.1:80/1m")
        self.assertEqual(peers.Proxy("nginx", None, 80, "tcp").url("/1m"), "http://127.0.0.1:80/1m")


if __name__ == "__main__":
    unittest.main()
