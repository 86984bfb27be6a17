"""A small HTTP server to measure: `python server.py MODE`, prints its port. Shared by the tests of this folder.

quick: answers at once. stall: stands still for 400 ms at its 200th request. slow: 30 ms a request, one at a time.
error: every fourth answer is a 500. closing: closes its connection after every answer.
"""

from __future__ import annotations

import asyncio
import sys
import time

MODE = sys.argv[1]


class Server(asyncio.Protocol):
    count = 0

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            self.answer()

    def answer(self) -> None:
        Server.count += 1
        if MODE == "stall" and Server.count == 200:
            time.sleep(0.4)
        if MODE == "slow":
            time.sleep(0.03)
        status = b"500 Broken" if MODE == "error" and Server.count % 4 == 0 else b"200 OK"
        close = b"connection: close\r\n" if MODE == "closing" else b""
        self.transport.write(b"HTTP/1.1 " + status + b"\r\n" + close + b"content-length: 2\r\n\r\n{}")
        if MODE == "closing":
            self.transport.close()


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


asyncio.run(main())
