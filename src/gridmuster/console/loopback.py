"""Which addresses stay on this machine."""

from __future__ import annotations

import ipaddress
from typing import Final

#: Names under which a program on this machine may call the API, as a Host header has them.
LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
