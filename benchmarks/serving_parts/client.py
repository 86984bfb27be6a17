"""Load over plain sockets, closed or open loop, as little Python as possible between them.

    python client.py < PLAN.json

PLAN: {"host", "port", "message": the whole request, "connections", "seconds", "rate": requests a second or null}.

Closed loop: each connection sends again as soon as its answer is whole. Open loop: requests leave at the instants of a
Poisson stream whatever the answers do, over whichever connection is free, and latency counts from the instant at which
they were meant to leave; what has no answer 5 s after the end is counted as wrong, with the time that it had.

Prints what it measured as JSON; `busy` is the share of a core that it took itself: near 1, it was the limit, and not
the server. `late_p99_ms` is how late it sent where a connection was free.
"""

import json
import random
import select
import socket
import sys
import time
from collections import deque

clock = time.perf_counter


class Callers:
    """Open connections, by their number."""

    def __init__(self, host, port, connections):
        self.sockets, self.poll = {}, select.epoll()
        for _ in range(connections):
            one = socket.create_connection((host, port))
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets[one.fileno()] = one
            self.poll.register(one.fileno(), select.EPOLLIN)
        self.wrong = 0

    def answer(self, number):
        """Read one answer to its end."""
        one = self.sockets[number]
        answer = one.recv(262144)
        while not whole(answer):
            answer += one.recv(262144)
        if not answer.startswith(b"HTTP/1.1 200"):
            self.wrong += 1


def closed(callers, message, seconds):
    """Latencies from the sending to the last byte, and nothing about lateness."""
    latencies, sent, sockets, poll, read = [], {}, callers.sockets, callers.poll.poll, callers.answer
    began = now = clock()
    for number, one in sockets.items():
        sent[number] = clock()
        one.sendall(message)
    end = began + seconds
    while now < end:
        for number, _ in poll(1.0):
            read(number)
            now = clock()
            latencies.append(now - sent[number])
            sent[number] = now
            sockets[number].sendall(message)
    return latencies, [], now - began


def open_loop(callers, message, seconds, rate):
    """Latencies from the intended instants, and how late requests left that had a connection."""
    stream, at = random.Random(0), 0.0
    due = []
    while at < seconds:
        at += stream.expovariate(rate)
        due.append(at)
    sockets, poll, read = callers.sockets, callers.poll.poll, callers.answer
    ready, wait = [callers.poll.fileno()], select.select  # epoll waits whole milliseconds, select microseconds
    idle, waiting, intended = deque(sockets), deque(), {}
    latencies, late = [], []
    count, total, begun = 0, len(due), clock() + 0.01
    while len(latencies) < total and (now := clock() - begun) < seconds + 5:
        while count < total and due[count] <= now:
            if idle:
                number = idle.popleft()
                intended[number] = due[count]
                late.append(now - due[count])
                sockets[number].sendall(message)
                now = clock() - begun
            else:
                waiting.append(due[count])
            count += 1
        pause = max(0.0, due[count] - now) if count < total else 0.1
        if not wait(ready, (), (), pause)[0]:
            continue
        for number, _ in poll(0):
            read(number)
            latencies.append(clock() - begun - intended[number])
            if waiting:
                intended[number] = waiting.popleft()
                sockets[number].sendall(message)
            else:
                idle.append(number)
    ended = clock() - begun
    unanswered = [ended - instant for instant in (*(intended[one] for one in intended.keys() - idle), *waiting)]
    unanswered += [ended - instant for instant in due[count:]]
    callers.wrong += len(unanswered)
    return latencies + unanswered, late, ended


def whole(answer):
    """Whether an answer is complete."""
    if not answer:
        raise ConnectionError("the server closed the connection")
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = answer[:end].lower()
    at = head.find(b"content-length: ")
    if at < 0:
        return answer.endswith(b"0\r\n\r\n")  # in chunks
    return len(answer) - end - 4 >= int(head[at + 16 :].partition(b"\r")[0])


def main():
    """Run a plan."""
    plan = json.load(sys.stdin)
    callers = Callers(plan["host"], plan["port"], plan["connections"])
    message, rate = plan["message"].encode(), plan["rate"]
    processor, wall = time.process_time(), clock()
    if rate is None:
        latencies, late, took = closed(callers, message, plan["seconds"])
    else:
        latencies, late, took = open_loop(callers, message, plan["seconds"], rate)
    busy = (time.process_time() - processor) / (clock() - wall)
    latencies.sort()
    late.sort()
    count = len(latencies)
    measured = {
        "client": "python",
        "requests": count,
        "requests_per_second": (count - callers.wrong) / took,
        **{f"{name}_ms": latencies[int(count * share)] * 1e3 for name, share in QUANTILES.items()},
        "late_p99_ms": late[len(late) * 99 // 100] * 1e3 if late else 0.0,
        "wrong": callers.wrong,
        "busy": busy,
    }
    print(json.dumps(measured))


QUANTILES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}

if __name__ == "__main__":
    main()
