"""Callers in a process of their own, at a fixed rate: `python caller.py JSON`; prints what each request came to.

JSON: [host, port, bodies, expected, rate, seconds, connections]; `expected` is release -> answers to the bodies.
Prints {"sent": [s, monotonic], "ms": [from the sending], "release": [...], "dropped": n, "wrong": n,
"late_ms": p99 of the callers' own lateness, "ids": [...]}.
"""

import asyncio
import json
import sys
import time
from typing import Any


async def main() -> None:
    """Each connection takes the next request that is due."""
    host, port, bodies, expected, rate, seconds, connections = json.loads(sys.argv[1])
    seen: dict[str, Any] = {"sent": [], "ms": [], "release": [], "ids": [], "dropped": 0, "wrong": 0}
    late: list[float] = []
    requests = [_request(body) for body in bodies]
    due = iter(range(int(rate * seconds)))
    begin = time.monotonic() + 0.2

    async def call() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        for number in due:
            moment = begin + number / rate
            await asyncio.sleep(max(0.0, moment - time.monotonic()))
            late.append(time.monotonic() - moment)
            sent = time.monotonic()
            try:
                writer.write(requests[number % len(requests)])
                said, closing = await _answer(reader)
            except (OSError, asyncio.IncompleteReadError, ValueError):
                seen["dropped"] += 1
                said, closing = None, True
            if said is not None:
                _note(seen, said, sent, expected, number % len(requests))
            if closing:
                writer.close()
                reader, writer = await asyncio.open_connection(host, port)
        writer.close()

    await asyncio.gather(*(call() for _ in range(connections)))
    late.sort()
    json.dump({**seen, "late_ms": 1000 * late[int(0.99 * (len(late) - 1))]}, sys.stdout)


def _request(body: str) -> bytes:
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


async def _answer(reader: asyncio.StreamReader) -> tuple[dict[str, Any], bool]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    body = await reader.readexactly(length)
    if not head.startswith(b"http/1.1 200"):
        raise ValueError(body.decode())
    return json.loads(body), b"connection: close" in head


def _note(seen: dict[str, Any], said: dict[str, Any], sent: float, expected: dict[str, Any], body: int) -> None:
    (one,) = said["predictions"]
    release = str(said["release"])
    right = one["id"].startswith(f"{release}-") and one["probabilities"] == expected[release][body]
    seen["wrong"] += not right
    seen["sent"].append(sent)
    seen["ms"].append(1000 * (time.monotonic() - sent))
    seen["release"].append(said["release"])
    seen["ids"].append(one["id"])


if __name__ == "__main__":
    asyncio.run(main())
