"""A folder as a bucket: as much of Amazon's S3 as reading takes, on loopback."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "warehouse"


@contextlib.contextmanager
def server(folder: Path, key: str) -> Iterator[str]:
    """The endpoint; requests that are not signed with `key` are refused."""
    handler = type("Handler", (_Handler,), {"folder": folder, "key": key})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{found.server_port}"
        finally:
            found.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path
    key: str

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if f"Credential={self.key}/" not in self.headers.get("Authorization", ""):
            return self._answer(403, b"<Error><Code>AccessDenied</Code></Error>")
        parts = urlsplit(self.path)
        name = unquote(parts.path).removeprefix(f"/{BUCKET}").lstrip("/")
        if not name:
            return self._list(parse_qs(parts.query).get("prefix", [""])[0])
        path = self.folder / name
        if not path.is_file():
            return self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        return self._file(path.read_bytes(), path)

    def _file(self, content: bytes, path: Path) -> None:
        about = {"ETag": '"x"', "Last-Modified": format_datetime(_changed(path), usegmt=True)}
        wanted = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
        if wanted[1]:
            start, end = int(wanted[0] or len(content) - int(wanted[2])), len(content) - 1
            end = min(end, int(wanted[2])) if wanted[0] and wanted[2] else end
            about["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
            return self._answer(206, content[start : end + 1], about)
        return self._answer(200, content, about)

    def _list(self, prefix: str) -> None:
        found = sorted(path for path in self.folder.rglob("*") if path.is_file())
        rows = "".join(
            f"<Contents><Key>{escape(name)}</Key><Size>{path.stat().st_size}</Size><ETag>x</ETag>"
            f"<LastModified>{_changed(path):%Y-%m-%dT%H:%M:%S.000Z}</LastModified></Contents>"
            for path in found
            if (name := path.relative_to(self.folder).as_posix()).startswith(prefix)
        )
        self._answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>".encode())

    def _answer(self, status: int, content: bytes, about: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(about or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
