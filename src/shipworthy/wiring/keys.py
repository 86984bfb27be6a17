"""Whose keys are used: the user's own to sign, the trusted ones to believe."""

from __future__ import annotations

import getpass
import os

from shipworthy.registry.signing import SigningKey, signing_key
from shipworthy.registry.trust import TrustedKeys, read_trusted, trusted_folder
from shipworthy.store.layout import configuration


def own_key() -> SigningKey:
    """The user's signing key; made at first use."""
    return signing_key(configuration())


def trusted_keys() -> TrustedKeys:
    """The keys trusted on this machine."""
    return read_trusted(trusted_folder(configuration()))


def who() -> str:
    """The person, or service, on whose behalf this runs: SHIPWORTHY_ACTOR, else the user's name."""
    return os.environ.get("SHIPWORTHY_ACTOR") or getpass.getuser()
