"""Talks to echo_server.py: echo_client.py HOST PORT BYTES [greeted]. Says what came back, or what went wrong."""

import socket
import sys
import threading

host, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sent = bytes(i * 31 + (i >> 8) & 0xFF for i in range(size))
with socket.create_connection((host, port), timeout=20) as connection:
    stream = connection.makefile("rb")
    if len(sys.argv) > 4:
        print(stream.readline().decode().strip())

    def send():
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    received = stream.read()
    sender.join()
print("same" if received == sent else f"{len(received)} of {len(sent)} bytes, or other ones")
