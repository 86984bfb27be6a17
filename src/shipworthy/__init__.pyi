from shipworthy.client import AsyncClient as AsyncClient
from shipworthy.client import Client as Client

__all__ = ["AsyncClient", "Client", "__version__"]

__version__: str
