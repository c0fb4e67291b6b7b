"""What the console needs of a running center, and nothing else."""

from __future__ import annotations

from typing import Protocol

from gridmuster.center.view import AuditEntry, PlantView, Rejected, Submitted
from gridmuster.signals import OperatorRequest

__all__ = ["AuditEntry", "Plant", "PlantView", "Rejected", "Submitted"]


class Plant(Protocol):
    """A running center as its operators meet it.

    All methods are called on the event loop that serves the API. None may block it: what reads
    a disk does so in a thread.
    """

    def view(self) -> PlantView:
        """The latest view; never absent, a center that recovers shows an empty balance."""
        ...

    async def changed(self) -> PlantView:
        """Wait for the next view and return it.

        Any number of callers may wait at once and all get the view. A caller that comes late
        gets the next one: views in between are not queued, the latest wins.
        """
        ...

    async def submit(self, request: OperatorRequest) -> Submitted | Rejected:
        """Hand an operator's request to the center.

        Returns when the request is in the journal and the next cycle has applied or rejected it.
        The same request, known by its ``id``, may come again after a restart; it must not act
        twice. Once begun it is not cancelled.

        Args:
            request: already authenticated and authorised.
        """
        ...

    async def audit(self, after: int, limit: int) -> list[AuditEntry]:
        """Entries of the audit log with a number above ``after``, oldest first.

        Args:
            after: number of the last entry already read; 0 for all.
            limit: most entries to return.
        """
        ...
