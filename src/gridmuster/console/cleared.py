"""Alarms that stood and are over: kept for a day, so that what came and went is seen later."""

from __future__ import annotations

from collections import deque
from typing import Final

from fastapi import APIRouter, FastAPI, Request
from msgspec import Struct
from starlette.responses import Response

from gridmuster.center.view import AlarmView, PlantView
from gridmuster.console.access import SecuredRoute, needs
from gridmuster.console.auth import Role
from gridmuster.console.reading import document, plant_of
from gridmuster.console.schema import answer
from gridmuster.units import MS_PER_S

#: Alarms kept; the oldest are forgotten first.
MAX_CLEARED: Final = 1000
#: How long one that is over is told, ms of plant time.
KEPT_MS: Final = 24 * 3600 * MS_PER_S

router = APIRouter(prefix="/api/v1", route_class=SecuredRoute, tags=["plant"])


class ClearedAlarm(Struct, frozen=True):
    """An alarm that is over: what it was, since when it stood, and until when."""

    id: str
    severity: str
    subject: str
    text: str
    advice: str
    since_ms: int
    until_ms: int


class ClearedList(Struct, frozen=True):
    """Alarms that ended within a day, the latest first; of before ``from_ms`` nothing is known."""

    at_ms: int
    from_ms: int
    alarms: list[ClearedAlarm]


class Cleared:
    """Keeps alarms that end, as the editions tell them.

    Args:
        view: the first edition.
    """

    def __init__(self, view: PlantView) -> None:
        self.from_ms = view.at_ms
        self._over: deque[ClearedAlarm] = deque(maxlen=MAX_CLEARED)
        self._standing: dict[str, AlarmView] = {alarm.id: alarm for alarm in view.alarms}

    def take(self, view: PlantView) -> None:
        """Take an edition: what it does not hold any more is over."""
        standing = {alarm.id: alarm for alarm in view.alarms}
        for key, alarm in self._standing.items():
            again = standing.get(key)
            if again is None or again.since_ms != alarm.since_ms:
                self._over.append(_over(alarm, view.at_ms))
        self._standing = standing

    def alarms(self, now_ms: int) -> list[ClearedAlarm]:
        """Those that ended within a day of an instant, the latest first."""
        return [alarm for alarm in reversed(self._over) if now_ms - alarm.until_ms <= KEPT_MS]


def _over(alarm: AlarmView, until_ms: int) -> ClearedAlarm:
    return ClearedAlarm(
        alarm.id,
        alarm.severity,
        alarm.subject,
        alarm.text,
        alarm.advice,
        alarm.since_ms,
        until_ms,
    )


def follow(app: FastAPI) -> None:
    """Let an application keep what is over, from now on."""
    app.state.cleared = Cleared(app.state.feed.view)
    app.state.feed.follow(app.state.cleared.take)


@router.get(
    "/alarms/cleared",
    summary="Alarms that ended within the last day",
    openapi_extra=needs(Role.VIEWER),
    responses=answer(ClearedList),
)
async def cleared(request: Request) -> Response:
    """What came and went while nobody looked; a day of plant time, and since the center began."""
    kept: Cleared = request.app.state.cleared
    now_ms = plant_of(request).view().at_ms
    return document(ClearedList(now_ms, kept.from_ms, kept.alarms(now_ms)))
