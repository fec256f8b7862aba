import http.server
import socket
import ssl
import tempfile
import threading
import unittest
from types import SimpleNamespace

from tools.benchmark import readiness, tls
from tools.benchmark.processes import BenchError


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the head that an origin would have seen behind a proxy that adds these fields."""

    added = readiness.ADDED_FIELDS
    mark = ""

    def do_GET(self):
        body = "GET /echo HTTP/1.1\r\n" + "".join(f"{name}: x\r\n" for name in self.added) + self.mark
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


class Forgetful(Echo):
    added = readiness.ADDED_FIELDS[1:]


class Tagged(Echo):
    added = (*readiness.ADDED_FIELDS, readiness.SCRIPT_FIELD)


class Marked(Echo):
    mark = readiness.SCRIPT_MARK


class Readiness(unittest.TestCase):
    def serve(self, handler, context=None):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        return server.server_address[1]

    def tls_context(self, version):
        with tempfile.TemporaryDirectory() as folder:
            certificate = tls.Certificate.make(folder)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
        context.maximum_version = version
        return context

    def wait(self, scenario, port, adds_fields=True, running=True):
        process = SimpleNamespace(running=lambda: running, command=["nginx"], log_tail=lambda: "\n    the log")
        proxy = SimpleNamespace(name="nginx", process=process, port=port, scenario=scenario)
        readiness.wait_until_serving(proxy, adds_fields)

    def test_a_proxy_that_adds_all_fields_is_ready(self):
        self.wait("http", self.serve(Echo))

    def test_one_that_adds_fewer_is_refused_by_name(self):
        port = self.serve(Forgetful)
        with self.assertRaisesRegex(readiness.OtherWork, readiness.ADDED_FIELDS[0]):
            self.wait("http", port)
        self.wait("http", port, adds_fields=False)
        self.wait("tcp", port)

    def test_a_script_that_does_nothing_is_refused(self):
        port = self.serve(Echo)
        with self.assertRaisesRegex(readiness.OtherWork, readiness.SCRIPT_FIELD):
            self.wait("lua-headers", port)
        with self.assertRaisesRegex(readiness.OtherWork, "bodies as they are"):
            self.wait("lua-body", port)
        self.wait("plugin", port)

    def test_a_script_that_does_its_work_is_ready(self):
        self.wait("lua-headers", self.serve(Tagged))
        self.wait("lua-body", self.serve(Marked))

    def test_another_version_of_tls_is_refused(self):
        port = self.serve(Echo, self.tls_context(ssl.TLSVersion.TLSv1_2))
        with self.assertRaisesRegex(readiness.OtherWork, "TLSv1.2"):
            self.wait("tls", port)

    def test_datagrams_must_come_back(self):
        with socket.socket(type=socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            thread = threading.Thread(target=lambda: server.sendto(*server.recvfrom(2048)))
            thread.start()
            self.wait("udp", server.getsockname()[1])
            thread.join()

    def test_a_proxy_that_ended_shows_its_log(self):
        with self.assertRaisesRegex(BenchError, "the log"):
            self.wait("http", 1, running=False)


if __name__ == "__main__":
    unittest.main()
