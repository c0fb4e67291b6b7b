"""What a notice says: the same in the body of a webhook and in the text of a mail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gridmuster.center.view import AlarmView
from gridmuster.clock import iso, local
from gridmuster.console.notices.ledger import Notice


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice in words, ready to be sent as often as it takes.

    Args:
        id: the same in each attempt, so that who gets it twice can tell.
        subject: one line.
        text: all of it.
        document: the same for programs.
    """

    id: str
    subject: str
    text: str
    document: dict[str, Any]


def write(notice: Notice, letter_id: str, fleet: str, zone: str, at_ms: int, page: str) -> Letter:
    """Put a notice into words.

    Args:
        notice: what to tell.
        letter_id: its id.
        fleet: id of the fleet.
        zone: IANA zone to tell times in.
        at_ms: plant time now, ms.
        page: address of the page; empty: not told.
    """
    lines = []
    if notice.escalated:
        lines.append("Nobody has acknowledged this so far.")
    for alarm in notice.raised:
        lines += _lines(alarm, zone, f"{alarm.severity.upper()} since")
        lines.append(f"  To do: {alarm.advice}")
    lines += [line for alarm in notice.cleared for line in _lines(alarm, zone, "Over; began")]
    if notice.more:
        lines.append(f"And {notice.more} more.")
    if page:
        lines.append(f"Acknowledge: {page.rstrip('/')}/#/alarms")
    document = {
        "id": letter_id,
        "fleet": fleet,
        "at_ms": at_ms,
        "at": iso(at_ms),
        "escalated": notice.escalated,
        "raised": [_document(alarm) for alarm in notice.raised],
        "cleared": [_document(alarm) for alarm in notice.cleared],
        "more": notice.more,
        "page": page,
    }
    return Letter(letter_id, _subject(notice, fleet), "\n".join(lines) + "\n", document)


def _subject(notice: Notice, fleet: str) -> str:
    total = len(notice.raised) + notice.more
    if not notice.raised:
        return f"[{fleet}] {len(notice.cleared)} alarm(s) over"
    first = notice.raised[0]
    text = f"{first.severity}: {first.subject} {first.text}"
    others = f" and {total - 1} more" if total > 1 else ""
    mark = "not acknowledged: " if notice.escalated else ""
    # One line, whatever a device's name holds.
    return " ".join(f"[{fleet}] {mark}{text}{others}".split())[:200]


def _lines(alarm: AlarmView, zone: str, head: str) -> list[str]:
    moment = local(alarm.since_ms, zone).strftime("%Y-%m-%d %H:%M:%S %Z")
    return [f"{head} {moment} ({iso(alarm.since_ms)}): {alarm.subject}: {alarm.text}"]


def _document(alarm: AlarmView) -> dict[str, Any]:
    return {
        "id": alarm.id,
        "severity": alarm.severity,
        "subject": alarm.subject,
        "text": alarm.text,
        "advice": alarm.advice,
        "since_ms": alarm.since_ms,
        "since": iso(alarm.since_ms),
    }
