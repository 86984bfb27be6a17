"""Which processes of this machine listen on a port: what they use of the processor is the server's, not foreign."""

from __future__ import annotations

from pathlib import Path

PROC = Path("/proc")
_LISTEN = "0A"


def listeners(host: str, port: int, proc: Path = PROC) -> tuple[int, ...]:
    """Ids of processes that hold a listening socket of `port`, as far as this user may see; () for another machine."""
    if host not in ("localhost", "::1") and not host.startswith("127."):
        return ()
    sockets = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _inodes(proc / "net" / table, port)}
    if not sockets:
        return ()
    return tuple(int(folder.name) for folder in proc.iterdir() if folder.name.isdigit() and _holds(folder, sockets))


def _inodes(table: Path, port: int) -> list[str]:
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return []
    rows = [line.split() for line in lines]
    return [row[9] for row in rows if row[3] == _LISTEN and int(row[1].rpartition(":")[2], 16) == port]


def _holds(process: Path, sockets: set[str]) -> bool:
    try:
        return any(str(entry.readlink()) in sockets for entry in (process / "fd").iterdir())
    except OSError:  # it has ended, or is somebody else's
        return False
