"""A gRPC server of plain bytes, without generated code; prints its port when it listens.

grpc_server.py NAME [--port PORT] [--tls CERTIFICATE KEY]

Each method is a line of METHODS. Requests that begin with a word and a colon ask for something:
"fail:14:why" for a status, "sleep:0.2" for a pause.
"""

import argparse
import concurrent.futures
import threading
import time

import grpc

cancelled = threading.Semaphore(0)
name = ""


def obey(request, context):
    """Does what a unary request asks for; returns its answer."""
    word, _, rest = request.partition(b":")
    if word == b"fail":
        code, _, why = rest.decode().partition(":")
        context.abort({c.value[0]: c for c in grpc.StatusCode}[int(code)], why)
    if word == b"sleep":
        time.sleep(float(rest))
    if word == b"name":
        return name.encode()
    if word == b"left":
        left = context.time_remaining()
        return b"none" if left is None or left > 1e9 else b"%f" % left
    return request


def unary(request, context):
    asked = dict(context.invocation_metadata())
    if "x-ask" in asked:
        context.send_initial_metadata((("x-head", asked["x-ask"]),))
        context.set_trailing_metadata((("x-end-bin", asked["x-ask-bin"][::-1]), ("x-end", "z")))
    return obey(request, context)


def server_stream(request, context):
    count, size = (int(part) for part in request.split())
    for i in range(count):
        yield b"%d " % i + b"x" * size


def client_stream(requests, context):
    return b"%d" % sum(len(request) for request in requests)


def chat(requests, context):
    for request in requests:
        yield obey(request, context)


def hang(request, context):
    """Ends only when the client gives it up, and says so to who calls WasCancelled."""
    over = threading.Event()
    context.add_callback(over.set)
    context.send_initial_metadata(())
    over.wait()
    cancelled.release()
    yield b""


def was_cancelled(request, context):
    return b"yes" if cancelled.acquire(timeout=10) else b"no"


def refuse(request, context):
    """The server named "bad" does not serve this."""
    if name == "bad":
        context.abort(grpc.StatusCode.UNAVAILABLE, "bad server")
    return name.encode() + b" " + request


METHODS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
    "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
    "Hang": grpc.unary_stream_rpc_method_handler(hang),
    "WasCancelled": grpc.unary_unary_rpc_method_handler(was_cancelled),
    "Refuse": grpc.unary_unary_rpc_method_handler(refuse),
}


def credentials(files):
    certificate, key = (open(file, "rb").read() for file in files)
    return grpc.ssl_server_credentials([(key, certificate)])


def main():
    global name
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", nargs=2)
    arguments = parser.parse_args()
    name = arguments.name
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(32),
        options=[("grpc.max_receive_message_length", 16 << 20), ("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", METHODS),))
    address = "127.0.0.1:%d" % arguments.port
    if arguments.tls:
        port = server.add_secure_port(address, credentials(arguments.tls))
    else:
        port = server.add_insecure_port(address)
    server.start()
    print("port", port, flush=True)
    server.wait_for_termination()


main()
