"""A model ships only with proof."""

from importlib import import_module as _import_module
from typing import Any as _Any

__version__ = "0.1.0"

# The public names, imported when they are asked for, as `import shipworthy` should cost nothing; types: __init__.pyi.
_HOMES = {
    "AsyncClient": "shipworthy.client",
    "Client": "shipworthy.client",
    "fits_budget": "shipworthy.wiring.budgeting",
}
__all__ = ["AsyncClient", "Client", "__version__", "fits_budget"]


def __getattr__(name: str) -> _Any:
    if name in _HOMES:
        return getattr(_import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'shipworthy' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
