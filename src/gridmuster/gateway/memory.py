"""What a site remembers through a restart of its gateway."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct, field

from gridmuster.errors import SignalError
from gridmuster.fleet.hours import HourBook
from gridmuster.safety.fence import FenceState

#: Ids of obeyed commands that are remembered; older ones fall to the sequence check.
MAX_IDS: Final = 256
#: Report sequences are reserved in blocks, so that the memory need not be saved at each report.
SEQUENCE_BLOCK: Final = 10_000


class DeviceMemory(Struct):
    """What is remembered of one device.

    ``permit_used_h`` are this ``year``'s hours outside outages, ``alert_used_h`` those of them
    in emergency alerts, ``book`` all hours where the permit has further limits; ``run_h`` is the
    hour meter when last read.
    """

    permit_used_h: float = 0.0
    alert_used_h: float = 0.0
    year: int = 0
    book: HourBook = field(default_factory=HourBook)
    run_h: float | None = None
    stop_latched: bool = False
    starts_ms: list[int] = field(default_factory=list)
    off_since_ms: int = 0


class SiteMemory(Struct):
    """What is remembered of one site.

    ``ids`` maps obeyed commands to what became of them, oldest first. ``sequence_ceiling`` is
    above every report sequence ever used.
    """

    site: str
    fence: FenceState = FenceState()
    ids: dict[str, str] = field(default_factory=dict)
    sequence_ceiling: int = 0
    devices: dict[str, DeviceMemory] = field(default_factory=dict)
    local_duty: bool = False
    v: int = 1


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(SiteMemory)


def pack(memory: SiteMemory) -> bytes:
    """The memory as JSON."""
    return _encoder.encode(memory)


def unpack(data: bytes, site: str) -> SiteMemory:
    """The memory that `pack` wrote.

    Args:
        data: the saved bytes.
        site: the site it must belong to.

    Raises:
        SignalError: when it cannot be understood or belongs to another site.
    """
    try:
        memory = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SignalError(f"site memory: {error}") from error
    if memory.v != 1:
        raise SignalError(f"site memory: version {memory.v}; this program speaks 1")
    if memory.site != site:
        raise SignalError(f"site memory: of site {memory.site}, this is {site}")
    return memory
