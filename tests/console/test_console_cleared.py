"""Alarms that are over: kept for a day of plant time, told the latest first."""

import msgspec
from plant_serving import serving
from plant_views import plant

from gridmuster.center.view import AlarmView
from gridmuster.console.cleared import KEPT_MS, Cleared
from gridmuster.console.tokens import Role

VIEW = plant(4)


def alarm(name: str, since_ms: int) -> AlarmView:
    return AlarmView(f"failure:{name}", "warning", name, "failed to start", "look", since_ms)


def test_an_alarm_is_over_when_it_is_gone_or_comes_anew() -> None:
    at_ms = VIEW.at_ms
    one, two = alarm("a", at_ms - 5000), alarm("b", at_ms - 4000)
    cleared = Cleared(msgspec.structs.replace(VIEW, alarms=[one, two]))
    assert cleared.alarms(at_ms) == []
    later = msgspec.structs.replace(VIEW, at_ms=at_ms + 1000, alarms=[two])
    cleared.take(later)
    again = alarm("b", at_ms + 2000)
    cleared.take(msgspec.structs.replace(VIEW, at_ms=at_ms + 2000, alarms=[again]))
    told = [(one.subject, one.since_ms, one.until_ms) for one in cleared.alarms(at_ms + 2000)]
    assert told == [("b", at_ms - 4000, at_ms + 2000), ("a", at_ms - 5000, at_ms + 1000)]
    assert [one.subject for one in cleared.alarms(at_ms + 1500 + KEPT_MS)] == ["b"]


def test_it_is_read_over_http() -> None:
    with serving(VIEW) as center, center.client(Role.VIEWER) as client:
        center.app.state.cleared.take(msgspec.structs.replace(VIEW, alarms=[]))
        told = client.get("/api/v1/alarms/cleared").json()
        assert {one["id"] for one in told["alarms"]} == {one.id for one in VIEW.alarms}
        assert told["from_ms"] == VIEW.at_ms
