"""A client of the server: typed answers, errors that can be handled, and retries that do no harm.

Light on purpose: it imports httpx and msgspec, and nothing of the rest. `from shipworthy import Client` is the same.
"""

from shipworthy.client.calling import AsyncClient, Client
from shipworthy.client.errors import NoAnswer, RowsRefused, ServerFailed, UnknownModel
from shipworthy.client.records import Prediction, Predictions, Violation

__all__ = [
    "AsyncClient",
    "Client",
    "NoAnswer",
    "Prediction",
    "Predictions",
    "RowsRefused",
    "ServerFailed",
    "UnknownModel",
    "Violation",
]
