"""Single requests to an endpoint, with what came back."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType

import httpx

from shipworthy.errors import Undecided, WrongUse

_TIMEOUT = 10.0  # seconds for one answer
_REJECTED = {401: "it asks who you are: --header 'Authorization: …'", 403: "it refuses you: --header may help"}


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; status 0 where none came, and `body` says why."""

    status: int
    body: bytes

    @property
    def good(self) -> bool:
        """Whether it was answered."""
        return self.status == httpx.codes.OK

    @property
    def refused(self) -> bool:
        """Whether the request was said to be wrong."""
        return 400 <= self.status < 500

    @property
    def said(self) -> str:
        """The beginning of the body."""
        text = self.body.decode(errors="replace")
        return text if len(text) <= 200 else text[:199] + "…"


class Caller:
    """Asks one endpoint."""

    def __init__(self, url: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.url = httpx.URL(url)
        if self.url.scheme not in ("http", "https") or not self.url.host:
            raise WrongUse(f"--url {url}: expected an address such as http://127.0.0.1:8000/predict")
        self._client = httpx.Client(headers=list(headers), timeout=_TIMEOUT, trust_env=False)

    def __enter__(self) -> Caller:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def post(self, body: bytes) -> Reply:
        """Ask for predictions."""
        try:
            answer = self._client.post(self.url, content=body, headers={"content-type": "application/json"})
        except httpx.HTTPError as error:
            return Reply(0, str(error).encode() or type(error).__name__.encode())
        return Reply(answer.status_code, answer.content)

    def get(self, path: str) -> bytes | None:
        """A document of the same server; None where it has none. WrongUse where nobody answers at all."""
        try:
            answer = self._client.get(self.url.copy_with(path=path, query=None))
        except httpx.ConnectError as error:
            raise WrongUse(f"nobody answers at {self.url}: {error}; is the service running?") from None
        except httpx.HTTPError as error:
            raise Undecided(f"{self.url.copy_with(path=path)} gave no whole answer: {error}") from None
        return answer.content if answer.status_code == httpx.codes.OK else None


def refuse_unless_there(reply: Reply, url: httpx.URL) -> None:
    """WrongUse where an answer shows that this is not the path to ask, or not the caller to ask it."""
    if reply.status in _REJECTED:
        raise WrongUse(f"{url} answers {reply.status}: {_REJECTED[reply.status]}")
    if reply.status in (404, 405):
        raise WrongUse(
            f"{url} answers {reply.status}: expected the path that predicts, such as {url.copy_with(path='/predict')}"
        )
