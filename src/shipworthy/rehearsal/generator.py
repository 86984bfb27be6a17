"""The load generator's process: `python -m shipworthy.rehearsal.generator`, a Plan in, an Answer out, as MessagePack.

A process of its own, so that neither the server nor the process that waits for the verdict takes its time.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import time

import msgspec

from shipworthy.rehearsal.closedloop import ClosedLoop
from shipworthy.rehearsal.connection import Connection, connect, message
from shipworthy.rehearsal.openloop import OpenLoop
from shipworthy.rehearsal.plan import Answer, Plan

if sys.platform != "win32":
    import uvloop

    new_event_loop = uvloop.new_event_loop
else:
    new_event_loop = asyncio.new_event_loop


_FEW, _LONG = 3, 300_000_000  # requests sent one by one even where that takes longer than so many ns


class OneByOne:
    """Requests sent one after the other over one connection: what an answer takes where nothing else is going on."""

    def __init__(self, plan: Plan, loop: asyncio.AbstractEventLoop) -> None:
        self._plan, self._loop = plan, loop
        self._answered: asyncio.Future[int] = loop.create_future()
        self.latencies: list[int] = []  # ns; the first with its connection

    async def run(self) -> None:
        """Send them; an answer that does not come in time ends it."""
        begun = time.monotonic_ns()
        try:
            connection = await connect(self._plan, self._loop, self)
            for number in range(self._plan.alone):
                self._answered = self._loop.create_future()
                body = self._plan.bodies[number % len(self._plan.bodies)]
                connection.send(number, message(self._plan, body))
                self.latencies.append(await asyncio.wait_for(self._answered, self._plan.timeout) - begun)
                if number >= _FEW and sum(self.latencies) > _LONG:
                    break
                begun = time.monotonic_ns()
            connection.close()
        except (OSError, TimeoutError):
            return

    def connected(self, connection: Connection) -> None:
        """Owner: a connection is open."""

    def answered(self, connection: Connection, request: int, status: int, instant: int) -> None:
        """Owner: an answer came, or never will."""
        if not self._answered.done():
            self._answered.set_result(instant)

    def lost(self, connection: Connection) -> None:
        """Owner: a connection is closed."""


async def measure(plan: Plan) -> Answer:
    """Run a plan in this process."""
    loop = asyncio.get_running_loop()
    alone = OneByOne(plan, loop)
    await alone.run()
    run = OpenLoop(plan, loop) if plan.mode == "open" else ClosedLoop(plan, loop)
    gc.collect()
    gc.freeze()
    gc.disable()  # a collection in the middle would show up as the server's latency
    processor, wall = time.process_time(), time.monotonic()
    await run.run()
    busy = (time.process_time() - processor) / max(1e-9, time.monotonic() - wall)
    latencies, lateness = run.measured()
    return Answer(
        latencies=latencies.tobytes(),
        lateness=lateness.tobytes(),
        errors=dict(run.errors),
        seconds=run.seconds,
        cold=alone.latencies[0] if alone.latencies else -1,
        alone=int(statistics.median(alone.latencies[1:])) if len(alone.latencies) > 1 else -1,
        busy=busy,
        connections=run.connections,
        capped=run.capped,
        gave_up=run.gave_up,
    )


def main() -> None:
    """Read the plan, run it, write the answer."""
    plan = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Plan)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        answer = runner.run(measure(plan))
    # Not sys.stdout, which PYTHONUNBUFFERED leaves without a buffer: what one write of it does not take is then lost,
    # and the loop's io_uring interrupts a write into a full pipe.
    with open(1, "wb", closefd=False) as out:
        out.write(msgspec.msgpack.encode(answer))


if __name__ == "__main__":
    main()
