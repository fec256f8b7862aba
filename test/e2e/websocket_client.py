"""A WebSocket client: talks with websocket_server.py at the URL given; prints OK when all is well."""

import asyncio
import random
import sys

import websockets


async def main(url):
    async with websockets.connect(url, max_size=8 << 20, compression=None) as socket:
        assert await socket.recv() == "hello from the server"
        await socket.send("text äöü")
        assert await socket.recv() == "text äöü"
        binary = bytes(range(256)) * 4
        await socket.send(binary)
        assert await socket.recv() == binary
        large = random.Random(7).randbytes(1 << 20)
        await socket.send(large)
        assert await socket.recv() == large
        # Fragments stay one message, and control frames pass between them.
        await socket.send([b"a" * 1000, b"b" * 70_000, b"c"])
        assert await socket.recv() == b"a" * 1000 + b"b" * 70_000 + b"c"
        await (await socket.ping(b"are you there"))
        for number in range(200):
            await socket.send(str(number))
        for number in range(200):
            assert await socket.recv() == str(number)
        await socket.close(1000, "bye")
        assert socket.close_code == 1000, socket.close_code
    # With the compression that browsers ask for.
    async with websockets.connect(url, max_size=8 << 20) as socket:
        await socket.recv()
        await socket.send("x" * 100_000)
        assert await socket.recv() == "x" * 100_000
    print("OK")


asyncio.run(asyncio.wait_for(main(sys.argv[1]), 20))
