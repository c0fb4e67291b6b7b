"""Whom to tell of which alarm, and when: no clock, no line, no chance of a flood.

Time is real time, s, as read by the caller: people are waited for in real minutes, also when a
demo's plant runs faster.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, get_args

from gridmuster.center.view import AlarmView
from gridmuster.console.notices.settings import NoticesFile, Severity, Step

S_PER_MIN: Final = 60.0
WINDOW_S: Final = 3600.0
#: Alarms that one notice spells out; of the others it tells how many.
MAX_NAMED: Final = 50
#: Alarms followed at once; of more only the number is told, with the next notice.
MAX_FOLLOWED: Final = 20_000

#: Place of each severity in a notice.
GRAVITY: Final = {severity: place for place, severity in enumerate(get_args(Severity))}

#: An alarm as it stands now: its id and since when. One that comes again is another.
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Notice:
    """What one recipient is told at once.

    Args:
        recipient: whom.
        raised: alarms that stand, gravest first, at most `MAX_NAMED`.
        cleared: alarms that were told and are over.
        more: how many alarms besides.
        escalated: whether others were told before and nobody has acknowledged.
    """

    recipient: str
    raised: tuple[AlarmView, ...]
    cleared: tuple[AlarmView, ...] = ()
    more: int = 0
    escalated: bool = False


@dataclass(slots=True)
class _Case:
    """An alarm that is followed: since when, how far it was escalated, and who was told."""

    alarm: AlarmView
    begun_s: float
    steps: tuple[Step, ...]
    done: int = 0
    told: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Waiting:
    """What a recipient is to be told next, and from when on."""

    due_s: float = 0.0
    raised: dict[Key, AlarmView] = field(default_factory=dict)
    cleared: dict[Key, AlarmView] = field(default_factory=dict)
    escalated: bool = False
    sent_s: deque[float] = field(default_factory=deque)
    last_s: dict[str, float] = field(default_factory=dict)


class Ledger:
    """Follows the alarms that stand.

    Args:
        file: whom to tell of what.
    """

    def __init__(self, file: NoticesFile) -> None:
        self._file = file
        self._steps: dict[str, tuple[Step, ...]] = {
            severity: route.steps for route in file.routes for severity in route.severities
        }
        self._cases: dict[Key, _Case] = {}
        self._waiting = {recipient.name: _Waiting() for recipient in file.recipients}

    def update(
        self,
        now_s: float,
        alarms: Sequence[AlarmView],
        acknowledged: Callable[[AlarmView], bool],
    ) -> list[Notice]:
        """Take the alarms that stand, and say what to tell now.

        Args:
            now_s: reading of a monotonic clock, s.
            alarms: every alarm that stands.
            acknowledged: whether somebody has seen to an alarm.
        """
        standing: set[Key] = set()
        for alarm in alarms[:MAX_FOLLOWED]:
            steps = self._steps.get(alarm.severity)
            if steps is None:
                continue
            key = (alarm.id, alarm.since_ms)
            standing.add(key)
            case = self._cases.get(key)
            if case is None:
                case = self._cases[key] = _Case(alarm, now_s, steps)
            case.alarm = alarm
            if acknowledged(alarm):
                self._drop(key)
                case.done = len(steps)
            self._escalate(now_s, key, case)
        for key in [key for key in self._cases if key not in standing]:
            self._clear(now_s, key, self._cases.pop(key))
        notices = (self._send(now_s, name, place) for name, place in self._waiting.items())
        return [notice for notice in notices if notice is not None]

    def _escalate(self, now_s: float, key: Key, case: _Case) -> None:
        while case.done < len(case.steps):
            step = case.steps[case.done]
            if now_s - case.begun_s < step.after_min * S_PER_MIN:
                return
            for name in step.to:
                self._put(now_s, name, key, case.alarm, escalated=case.done > 0)
            case.done += 1

    def _put(self, now_s: float, name: str, key: Key, alarm: AlarmView, escalated: bool) -> None:
        place = self._waiting[name]
        last_s = place.last_s.get(alarm.id)
        repeat_s = self._file.repeat_min * S_PER_MIN
        if last_s is not None and now_s - last_s < repeat_s and not escalated:
            return
        if not place.raised and not place.cleared:
            place.due_s = now_s + self._file.group_s
        if escalated:
            # Has waited long enough already.
            place.due_s = now_s
            place.escalated = True
        place.raised[key] = alarm

    def _drop(self, key: Key) -> None:
        for place in self._waiting.values():
            place.raised.pop(key, None)

    def _clear(self, now_s: float, key: Key, case: _Case) -> None:
        self._drop(key)
        for name in case.told if self._file.tell_cleared else ():
            place = self._waiting[name]
            if not place.raised and not place.cleared:
                place.due_s = now_s + self._file.group_s
            place.cleared[key] = case.alarm

    def _send(self, now_s: float, name: str, place: _Waiting) -> Notice | None:
        if not (place.raised or place.cleared) or now_s < place.due_s:
            return None
        while place.sent_s and now_s - place.sent_s[0] >= WINDOW_S:
            place.sent_s.popleft()
        if len(place.sent_s) >= self._file.max_per_hour:
            return None
        place.sent_s.append(now_s)
        raised = sorted(
            place.raised.values(), key=lambda one: (GRAVITY[one.severity], one.since_ms)
        )
        cleared = list(place.cleared.values())
        for key, alarm in place.raised.items():
            place.last_s[alarm.id] = now_s
            if key in self._cases:
                self._cases[key].told.add(name)
        repeat_s = self._file.repeat_min * S_PER_MIN
        place.last_s = {k: at_s for k, at_s in place.last_s.items() if now_s - at_s < repeat_s}
        notice = Notice(
            name,
            tuple(raised[:MAX_NAMED]),
            tuple(cleared[: max(0, MAX_NAMED - len(raised))]),
            max(0, len(raised) + len(cleared) - MAX_NAMED),
            place.escalated,
        )
        place.raised, place.cleared, place.escalated = {}, {}, False
        return notice
