import os
import re
import tempfile
import unittest
from types import SimpleNamespace

from tools.benchmark import peers, rows, tls
from tools.benchmark.upstreams import Upstreams


def configured():
    """Every proxy with a configuration, whether it is installed here or not."""
    return [
        peers.Nginx(None),
        peers.HaProxy("haproxy", "haproxy", "haproxy", "haproxy-{scenario}.cfg", ["-v"], peers._SPLICE),
        UncheckedWeir("weir", "weir", "weir", "weir-{scenario}.textproto", ["version"]),
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

    def test_nginx_without_its_stream_module_is_left_out_of_tcp_and_udp(self):
        self.assertEqual(peers.Nginx(None).scenarios, ("http", "tls", "h2c", "h2"))


class Rows(unittest.TestCase):
    def test_every_row_has_a_scenario_that_weir_knows_and_a_key_of_its_own(self):
        self.assertEqual(len({row.key for row in rows.ROWS}), len(rows.ROWS))
        for row in rows.ROWS:
            self.assertIn(row.scenario, peers.Weir.scenarios)
            self.assertIn("weir", row.peers)
            self.assertTrue(set(row.target.references) <= set(row.peers), row.key)
            self.assertTrue(not row.target.row or row.target.row in {other.key for other in rows.ROWS}, row.key)


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
