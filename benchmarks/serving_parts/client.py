"""Closed loop over plain sockets: each connection sends again as soon as its answer is whole.

    python client.py '["127.0.0.1", 8080, "/predict", BODY, CONNECTIONS, SECONDS]'

Prints what it measured as JSON. As little Python as possible stands between the sockets, so that the server is what is
measured; a server that answers faster than about 100,000 requests a second needs another client.
"""

import json
import select
import socket
import sys
import time


def run(host: str, port: int, path: str, body: str, connections: int, seconds: float) -> dict[str, float]:
    """Latencies run from the sending of a request to the last byte of its answer."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    message = (head + body).encode()
    sockets, poll = {}, select.epoll()
    for _ in range(connections):
        one = socket.create_connection((host, port))
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[one.fileno()] = one
        poll.register(one.fileno(), select.EPOLLIN)
    latencies: list[float] = []
    sent = {}
    wrong = 0
    clock = time.perf_counter
    began = now = clock()
    for number, one in sockets.items():
        sent[number] = clock()
        one.sendall(message)
    end = began + seconds
    while now < end:
        for number, _ in poll.poll(1.0):
            one = sockets[number]
            answer = one.recv(65536)
            while not whole(answer):
                answer += one.recv(65536)
            now = clock()
            latencies.append(now - sent[number])
            if not answer.startswith(b"HTTP/1.1 200"):
                wrong += 1
            sent[number] = now
            one.send(message)
    latencies.sort()
    return {
        "connections": connections,
        "requests": len(latencies),
        "requests_per_second": (len(latencies) - wrong) / (now - began),
        "p50_ms": latencies[len(latencies) // 2] * 1e3,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1e3,
        "wrong": wrong,
    }


def whole(answer: bytes) -> bool:
    """Whether an answer is complete."""
    if not answer:
        raise ConnectionError("the server closed the connection")
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    at = answer.lower().index(b"content-length: ", 0, end) + 16
    return len(answer) - end - 4 >= int(answer[at : answer.index(b"\r", at)])


if __name__ == "__main__":
    print(json.dumps(run(*json.loads(sys.argv[1]))))
