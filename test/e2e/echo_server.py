"""Greets each client at once, as an SMTP server does, then sends back what it says: echo_server.py PORT [GREETING].

Without a greeting it waits for the client, as most servers do.
"""

import socket
import socketserver
import sys


class Server(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        if len(sys.argv) > 2:
            self.wfile.write(f"{sys.argv[2]}\n".encode())
        while True:
            data = self.request.recv(65536)
            if not data:
                return
            self.wfile.write(data)


with Server(("::", int(sys.argv[1])), Echo) as server:
    print("ready", flush=True)
    server.serve_forever()
