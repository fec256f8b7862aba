"""The bench's client does what it says, and counts nothing that went wrong as a request."""

import os
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest

from tools.benchmark import tls

CLIENT = os.path.join("tools", "benchmark", "client", "client")
ORIGIN = os.path.join("tools", "benchmark", "origin")

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"


def client(mode, port, *options):
    """The figures it prints, and how often it said that it is running."""
    command = [CLIENT, mode, str(port), "--seconds", "1", *options]
    output = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.splitlines()
    figures = dict(part.split("=") for part in output[-1].split()[1:])
    return {name: int(value) for name, value in figures.items()}, output.count("running")


def errors(figures):
    kinds = ("connect", "handshake", "session", "read", "answer", "timeout")
    return {kind: figures[kind] for kind in kinds if figures[kind]}


class TlsServer:
    """Gives this answer to each request and counts (full, resumed) handshakes."""

    def __init__(self, folder, answer=GOOD, keep_alive=False, tickets=2, version=ssl.TLSVersion.TLSv1_3):
        certificate = tls.Certificate.make(folder)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.maximum_version = version
        self._context.num_tickets = tickets
        self._context.load_cert_chain(certificate.certificate, certificate.key)
        self._answer = answer
        self._keep_alive = keep_alive
        self._lock = threading.Lock()
        self.handshakes = [0, 0]
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, raw):
        raw.settimeout(10)
        try:
            with self._context.wrap_socket(raw, server_side=True) as sock:
                with self._lock:
                    self.handshakes[sock.session_reused] += 1
                while sock.recv(4096):
                    sock.sendall(self._answer)
                    if not self._keep_alive:
                        sock.unwrap()
                        return
        except (OSError, ssl.SSLError):
            raw.close()


class Echoes(unittest.TestCase):
    def setUp(self):
        self._origin = subprocess.Popen([ORIGIN, "1"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(self._origin.stdout.close)
        self.addCleanup(self._origin.wait)
        self.addCleanup(self._origin.kill)
        self.port = int(self._origin.stdout.readline())

    def test_messages_come_back_over_tcp_and_udp_of_all_sizes(self):
        for mode, size in (("tcp", 16), ("tcp", 128), ("tcp", 1024 * 1024), ("udp", 128), ("udp", 60_000)):
            with self.subTest(mode=mode, size=size):
                figures, running = client(mode, self.port, "--size", str(size), "--connections", "4")
                self.assertGreater(figures["requests"], 0)
                self.assertEqual(errors(figures), {})
                self.assertEqual(running, 1)

    def test_a_rate_is_kept(self):
        figures, _ = client("tcp", self.port, "--rate", "200", "--connections", "8")
        self.assertTrue(150 <= figures["requests"] <= 201, figures)

    def test_a_server_without_tls_is_no_handshake(self):
        figures, running = client("tls-full", self.port, "--connections", "2")
        self.assertEqual((figures["requests"], running), (0, 0))
        self.assertEqual(list(errors(figures)), ["handshake"])


class Faults(unittest.TestCase):
    def test_nobody_listens(self):
        port = 1  # a port from the range of clients' own could be the client's
        for mode, kind in (("tcp", "connect"), ("udp", "read"), ("tls-full", "connect")):
            with self.subTest(mode=mode):
                figures, _ = client(mode, port, "--connections", "2")
                self.assertEqual((figures["requests"], list(errors(figures))), (0, [kind]))

    def test_datagrams_that_are_not_answered_are_timeouts(self):
        with socket.socket(type=socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            figures, _ = client("udp", silent.getsockname()[1], "--connections", "2", "--seconds", "2")
        self.assertEqual((figures["requests"], list(errors(figures))), (0, ["timeout"]))

    def test_wrong_options_are_refused(self):
        for words in ([], ["tcp"], ["tcp", "0"], ["sctp", "1"], ["tcp", "1", "--size"], ["tcp", "1", "--size", "15"],
                      ["udp", "1", "--size", "60001"], ["tcp", "1", "--rate", "x"], ["tcp", "1", "--path", "x"]):
            with self.subTest(words):
                result = subprocess.run([CLIENT, *words], capture_output=True, timeout=10, check=False)
                self.assertEqual(result.returncode, 2)


class Tls(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_each_full_handshake_is_full(self):
        with TlsServer(self.folder) as server:
            figures, running = client("tls-full", server.port, "--connections", "2")
            self.assertEqual(errors(figures), {})
            self.assertEqual(running, 1)
            self.assertEqual(server.handshakes[True], 0)
            self.assertTrue(0 < figures["requests"] <= server.handshakes[False])

    def test_each_counted_handshake_is_resumed(self):
        with TlsServer(self.folder) as server:
            figures, _ = client("tls-resumed", server.port, "--connections", "2")
            self.assertEqual(errors(figures), {})
            self.assertEqual(server.handshakes[False], 2)  # one for each, to have a session
            self.assertTrue(0 < figures["requests"] <= server.handshakes[True])

    def test_a_server_without_tickets_cannot_be_resumed(self):
        with TlsServer(self.folder, tickets=0) as server:
            figures, _ = client("tls-resumed", server.port, "--connections", "2")
        self.assertEqual((figures["requests"], list(errors(figures))), (0, ["session"]))

    def test_a_kept_connection_has_one_handshake(self):
        with TlsServer(self.folder, keep_alive=True) as server:
            figures, _ = client("tls-keepalive", server.port, "--connections", "2", "--rate", "100")
            self.assertEqual(errors(figures), {})
            self.assertTrue(50 <= figures["requests"] <= 101, figures)
            self.assertEqual(sum(server.handshakes), 2)

    def test_other_answers_and_versions_are_no_requests(self):
        cases = (
            ({"answer": b"HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nbody"}, "answer"),
            ({"answer": GOOD[:-1]}, "read"),
            ({"answer": GOOD + b"x"}, "answer"),
            ({"version": ssl.TLSVersion.TLSv1_2}, "handshake"),
        )
        for arguments, kind in cases:
            with self.subTest(arguments), TlsServer(self.folder, **arguments) as server:
                figures, _ = client("tls-full", server.port, "--connections", "2")
                self.assertEqual((figures["requests"], list(errors(figures))), (0, [kind]))


if __name__ == "__main__":
    unittest.main()
