"""Who is told: a webhook that remembers, and an alert to tell it of."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from shipworthy.alerts.records import Alert


def alert(name, **changes):
    """An alert that is open until what it says is over."""
    given = {"model": "delays", "cause": "drift", "title": "delays@1: the world has moved", "text": "wind differs"}
    return Alert(name, **{**given, "release": 1, "event_time": 86_400_000_000_000, "at": 0, "lasting": True, **changes})


def fallen(name):
    """What says that this alert, and no other, is so no longer."""
    return lambda alert: "the evidence has fallen" if alert.id == name else ""


class Receiver:
    """A webhook: what it was told, and what it answers."""

    def __init__(self):
        self.told, self.status, self.calls = [], 200, 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.calls += 1
                if outer.status == 200:
                    outer.told.append((self.headers["Idempotency-Key"], json.loads(body)))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
