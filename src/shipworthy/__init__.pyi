from shipworthy.client import AsyncClient as AsyncClient
from shipworthy.client import Client as Client
from shipworthy.wiring.budgeting import fits_budget as fits_budget

__all__ = ["AsyncClient", "Client", "__version__", "fits_budget"]

__version__: str
