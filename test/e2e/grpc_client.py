"""A gRPC client of plain bytes, without generated code: plays scenarios, one after the other.

grpc_client.py ADDRESS [--tls CA NAME] [--until FILE] --scenarios SCENARIO...

Prints "OK scenario" for each; ends with a traceback when one goes wrong.
"""

import argparse
import concurrent.futures
import os
import threading
import time

import grpc

MIB = 1 << 20


class Calls:
    """The methods of grpc_server.py."""

    def __init__(self, channel, until):
        self.until = until
        self.unary = channel.unary_unary("/test.Echo/Unary")
        self.server_stream = channel.unary_stream("/test.Echo/ServerStream")
        self.client_stream = channel.stream_unary("/test.Echo/ClientStream")
        self.chat = channel.stream_stream("/test.Echo/Chat")
        self.hang = channel.unary_stream("/test.Echo/Hang")
        self.was_cancelled = channel.unary_unary("/test.Echo/WasCancelled")
        self.refuse = channel.unary_unary("/test.Echo/Refuse")
        self.unknown = channel.unary_unary("/test.Echo/Unknown")
        self.elsewhere = channel.unary_unary("/nowhere/at.all")


def expect(got, wanted):
    if got != wanted:
        raise AssertionError("got %r, wanted %r" % (got, wanted))


def failure(call):
    """The status of a call that has to fail: its code's name, its message."""
    try:
        result = call()
        if hasattr(result, "__next__"):
            for _ in result:
                pass
    except grpc.RpcError as error:
        return error.code().name, error.details()
    raise AssertionError("the call did not fail")


def unary(calls):
    for i in range(20):
        expect(calls.unary(b"hello %d" % i, timeout=10), b"hello %d" % i)
    expect(calls.unary(b"", timeout=10), b"")


def statuses(calls):
    for code in grpc.StatusCode:
        number, _ = code.value
        if number == 0:
            continue
        why = "caf\u00e9 100%% %d\nend" % number
        expect(failure(lambda: calls.unary(b"fail:%d:" % number + why.encode(), timeout=10)),
               (code.name, why))
    expect(failure(lambda: calls.unknown(b"", timeout=10))[0], "UNIMPLEMENTED")


def metadata(calls):
    asked = (("x-ask", "some text"), ("x-ask-bin", bytes(range(256))))
    answer, call = calls.unary.with_call(b"m", metadata=asked, timeout=10)
    expect(answer, b"m")
    expect(dict(call.initial_metadata())["x-head"], "some text")
    end = dict(call.trailing_metadata())
    expect(end["x-end"], "z")
    expect(end["x-end-bin"], bytes(range(256))[::-1])


def streams(calls):
    got = list(calls.server_stream(b"500 100", timeout=20))
    expect(got, [b"%d " % i + b"x" * 100 for i in range(500)])
    expect(calls.client_stream(iter([b"x" * i for i in range(300)]), timeout=20),
           b"%d" % sum(range(300)))
    expect(list(calls.server_stream(b"0 0", timeout=20)), [])
    expect(calls.client_stream(iter([]), timeout=20), b"0")


def chat(calls):
    """Each message is sent when the answer to the one before has come."""
    turn = threading.Semaphore(1)

    def messages():
        for i in range(200):
            turn.acquire()
            yield b"message %d" % i

    got = []
    for answer in calls.chat(messages(), timeout=20):
        got.append(answer)
        turn.release()
    expect(got, [b"message %d" % i for i in range(200)])


def large(calls):
    body = bytes(range(256)) * (4 * 4096)  # 4 MiB
    expect(calls.unary(body, timeout=60), body)
    expect(calls.client_stream(iter([b"y" * MIB] * 16), timeout=60), b"%d" % (16 * MIB))
    expect(sum(len(m) for m in calls.server_stream(b"16 1048576", timeout=60)) // MIB, 16)


def concurrent_calls(calls):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = pool.map(lambda i: calls.unary(b"c%d" % i + b"z" * (i * 10), timeout=30),
                           range(500))
        for i, answer in enumerate(answers):
            expect(answer, b"c%d" % i + b"z" * (i * 10))


def deadline(calls):
    """The endpoint knows what is left, and the call ends when it is over."""
    left = float(calls.unary(b"left:", timeout=5))
    assert 3 < left < 5.5, left
    expect(calls.unary(b"left:"), b"none")
    began = time.monotonic()
    expect(failure(lambda: calls.unary(b"sleep:5", timeout=0.3))[0], "DEADLINE_EXCEEDED")
    assert time.monotonic() - began < 3, "it took too long"
    expect(failure(lambda: calls.hang(b"", timeout=0.3))[0], "DEADLINE_EXCEEDED")
    expect(calls.was_cancelled(b"", timeout=20), b"yes")


def capped(calls):
    """The route allows half a second."""
    left = float(calls.unary(b"left:", timeout=60))
    assert 0 < left < 0.55, left
    began = time.monotonic()
    expect(failure(lambda: calls.hang(b"", timeout=60))[0], "DEADLINE_EXCEEDED")
    assert time.monotonic() - began < 5, "it took too long"


def cancel(calls):
    call = calls.hang(b"", timeout=60)
    call.initial_metadata()  # the server has begun
    call.cancel()
    expect(calls.was_cancelled(b"", timeout=20), b"yes")


def unavailable(calls):
    code, why = failure(lambda: calls.unary(b"x", timeout=10))
    expect((code, why), ("UNAVAILABLE", "cannot connect to the endpoint"))


def no_route(calls):
    expect(failure(lambda: calls.elsewhere(b"x", timeout=10)),
           ("UNIMPLEMENTED", "no route for this host and path"))


def refused(calls):
    """Two servers, of which one refuses: nobody sees that."""
    for i in range(20):
        expect(calls.refuse(b"%d" % i, timeout=10), b"good %d" % i)


def refused_seen(calls):
    """The same without retries."""
    answers = set()
    for _ in range(20):
        try:
            answers.add(calls.refuse(b"", timeout=10))
        except grpc.RpcError as error:
            answers.add((error.code().name, error.details()))
    expect(answers, {b"good ", ("UNAVAILABLE", "bad server")})


def restart(calls):
    """Calls until the file of --until is there, while the server goes and comes again: only
    UNAVAILABLE may be seen, and the last call has to succeed."""
    good = bad = 0
    print("calling", flush=True)
    while not os.path.exists(calls.until):
        try:
            expect(calls.unary(b"x" * 100, timeout=10), b"x" * 100)
            good += 1
        except grpc.RpcError as error:
            expect(error.code().name, "UNAVAILABLE")
            bad += 1
            time.sleep(0.02)
    expect(calls.unary(b"last", timeout=10), b"last")
    print("good", good, "bad", bad)


def broken_stream(calls):
    """The server is killed in the midst of an answer."""
    stream = calls.chat(iter_forever(), timeout=30)
    expect(next(stream), b"first")
    print("streaming", flush=True)
    expect(failure(lambda: stream)[0], "UNAVAILABLE")


def iter_forever():
    yield b"first"
    time.sleep(20)


SCENARIOS = {
    function.__name__: function
    for function in (unary, statuses, metadata, streams, chat, large, concurrent_calls, deadline, capped,
                     cancel, unavailable, no_route, refused, refused_seen, restart, broken_stream)
}


def channel(arguments):
    options = [("grpc.max_receive_message_length", 32 * MIB), ("grpc.enable_retries", 0)]
    if not arguments.tls:
        return grpc.insecure_channel(arguments.address, options)
    ca, name = arguments.tls
    options.append(("grpc.ssl_target_name_override", name))
    credentials = grpc.ssl_channel_credentials(open(ca, "rb").read())
    return grpc.secure_channel(arguments.address, credentials, options)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--until")
    parser.add_argument("--scenarios", nargs="+", choices=SCENARIOS, required=True)
    arguments = parser.parse_args()
    with channel(arguments) as opened:
        for scenario in arguments.scenarios:
            SCENARIOS[scenario](Calls(opened, arguments.until))
            print("OK", scenario, flush=True)


main()
