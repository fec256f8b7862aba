"""Asks for / over TLS and prints the certificate's common name and the status: tls_client.py PORT NAME AUTHORITY [FILE].

With FILE it prints a line at once, waits until that file exists, and asks again on the same connection.
"""

import os
import socket
import ssl
import sys
import time

port, name, authority = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.create_default_context(cafile=authority)


def ask(connection, stream):
    connection.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
    status = stream.readline().split()[1].decode()
    length = 0
    while line := stream.readline().strip():
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    stream.read(length)
    subject = dict(pair for (pair,) in connection.getpeercert()["subject"])
    print(subject["commonName"], status, flush=True)


with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
    with context.wrap_socket(plain, server_hostname=name) as secured:
        answers = secured.makefile("rb")
        ask(secured, answers)
        if len(sys.argv) > 4:
            given_up = time.monotonic() + 60
            while not os.path.exists(sys.argv[4]):
                if time.monotonic() > given_up:
                    sys.exit(f"{sys.argv[4]} did not appear")
                time.sleep(0.01)
            ask(secured, answers)
