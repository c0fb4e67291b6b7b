"""Who is told of which alarm and when, and that no storm of alarms becomes a flood of notices."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.center.view import AlarmView
from gridmuster.console.notices.ledger import MAX_NAMED, Ledger, Notice
from gridmuster.console.notices.settings import NoticesFile, load_notices
from gridmuster.console.notices.wording import write
from gridmuster.errors import FleetError

HOOK = {"url": "https://hooks.example/x"}
PLAIN = {
    "recipients": [
        {"name": "kim", "webhook": HOOK},
        {"name": "boss", "webhook": HOOK},
    ],
    "routes": [
        {
            "severities": ["critical"],
            "steps": [{"to": ["kim"]}, {"to": ["boss"], "after_min": 10}],
        },
        {"severities": ["warning"], "steps": [{"to": ["kim"]}]},
    ],
    "group_s": 20,
    "repeat_min": 30,
    "max_per_hour": 5,
}


def ledger(**changes: object) -> Ledger:
    return Ledger(NoticesFile.model_validate({**PLAIN, **changes}))


def alarm(name: str, severity: str = "critical", since_ms: int = 1_000) -> AlarmView:
    return AlarmView(name, severity, "s1", f"{name} is wrong", "look", since_ms)


def nobody(_: AlarmView) -> bool:
    return False


def everybody(_: AlarmView) -> bool:
    return True


def told(notices: list[Notice]) -> list[tuple[str, list[str], list[str]]]:
    return [(n.recipient, [a.id for a in n.raised], [a.id for a in n.cleared]) for n in notices]


def test_alarms_that_come_together_are_told_together() -> None:
    book = ledger()
    assert book.update(0, [alarm("a")], nobody) == []
    assert book.update(10, [alarm("a"), alarm("b", "warning")], nobody) == []
    found = book.update(20, [alarm("b", "warning"), alarm("a")], nobody)
    assert told(found) == [("kim", ["a", "b"], [])]
    assert book.update(40, [alarm("a"), alarm("b", "warning")], nobody) == []


def test_what_nobody_acknowledges_goes_to_the_next() -> None:
    book = ledger()
    book.update(0, [alarm("a"), alarm("w", "warning")], nobody)
    book.update(20, [alarm("a"), alarm("w", "warning")], nobody)
    assert book.update(599, [alarm("a"), alarm("w", "warning")], nobody) == []
    found = book.update(600, [alarm("a"), alarm("w", "warning")], nobody)
    assert told(found) == [("boss", ["a"], [])]
    assert found[0].escalated
    assert book.update(5000, [alarm("a"), alarm("w", "warning")], nobody) == []


def test_what_is_acknowledged_goes_no_further() -> None:
    book = ledger()
    book.update(0, [alarm("a")], nobody)
    assert len(book.update(20, [alarm("a")], nobody)) == 1
    assert book.update(300, [alarm("a")], everybody) == []
    assert book.update(900, [alarm("a")], everybody) == []
    early = ledger()
    early.update(0, [alarm("a")], nobody)
    assert early.update(20, [alarm("a")], everybody) == []


def test_what_is_over_before_it_was_told_is_not_told() -> None:
    book = ledger()
    book.update(0, [alarm("a")], nobody)
    assert book.update(10, [], nobody) == []
    assert book.update(60, [], nobody) == []


def test_the_end_is_told_to_those_who_know_of_the_beginning() -> None:
    book = ledger()
    book.update(0, [alarm("a")], nobody)
    book.update(20, [alarm("a")], nobody)
    book.update(100, [], nobody)
    assert told(book.update(120, [], nobody)) == [("kim", [], ["a"])]
    silent = ledger(tell_cleared=False)
    silent.update(0, [alarm("a")], nobody)
    silent.update(20, [alarm("a")], nobody)
    silent.update(100, [], nobody)
    assert silent.update(500, [], nobody) == []


def test_an_alarm_that_comes_and_goes_is_told_once_in_a_while() -> None:
    book = ledger(tell_cleared=False)
    count = 0
    for second in range(0, 3600, 10):
        standing = [alarm("a", since_ms=second // 40)] if second % 40 < 30 else []
        count += len(book.update(second, standing, nobody))
    assert count == 2


def test_severities_without_a_route_are_not_told() -> None:
    book = ledger()
    for second in (0, 60, 6000):
        assert book.update(second, [alarm("a", "note")], nobody) == []


def test_a_storm_is_counted_not_spelt_out() -> None:
    book = ledger()
    storm = [alarm(f"a{n:05}") for n in range(5000)]
    book.update(0, storm, nobody)
    (found,) = book.update(20, storm, nobody)
    assert len(found.raised) == MAX_NAMED
    assert found.more == 5000 - MAX_NAMED
    letter = write(found, "id", "fleet", "UTC", 0, "")
    assert "And 4950 more." in letter.text
    assert "4999 more" in letter.subject


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(1, 900),
            st.sets(st.tuples(st.sampled_from("abcdef"), st.integers(1, 3)), max_size=6),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_no_recipient_gets_more_than_the_bound_in_any_hour(
    course: list[tuple[float, set[tuple[str, int]], bool]],
) -> None:
    book = ledger(repeat_min=0)
    now = 0.0
    sent: dict[str, list[float]] = {"kim": [], "boss": []}
    for step_s, standing, seen in course:
        now += step_s
        alarms = [alarm(name, since_ms=since) for name, since in standing]
        for notice in book.update(now, alarms, everybody if seen else nobody):
            assert notice.raised or notice.cleared
            sent[notice.recipient].append(now)
            within = [at for at in sent[notice.recipient] if at > now - 3600]
            assert len(within) <= 5


def test_a_subject_stays_one_line_whatever_a_name_holds() -> None:
    odd = AlarmView("x", "critical", "s1\r\nBcc: all@example", "a\nb", "c", 0)
    letter = write(Notice("kim", (odd,)), "id", "f", "America/Chicago", 0, "https://p.example")
    assert "\n" not in letter.subject and "\r" not in letter.subject
    assert "https://p.example/#/alarms" in letter.text


# The settings


def test_every_fault_of_the_settings_is_told_at_once(tmp_path: Path) -> None:
    wrong = {
        "smtp": {
            "host": "mail.example",
            "sender": "plant@example.org",
            "security": "none",
            "user": "plant",
        },
        "recipients": [
            {"name": "kim", "webhook": {**HOOK, "secret_file": "none.txt"}},
            {"name": "kim", "email": {"to": ["no address"]}},
            {"name": "boss"},
        ],
        "routes": [
            {
                "severities": ["critical", "critical"],
                "steps": [{"to": ["kim", "cat"]}, {"to": ["boss"], "after_min": 0}],
            }
        ],
    }
    path = tmp_path / "notices.yaml"
    path.write_text(yaml.safe_dump(wrong))
    with pytest.raises(FleetError) as error:
        load_notices(path)
    places = [fault.path for fault in error.value.faults]
    assert sorted(places) == [
        "recipients[0].webhook.secret_file",
        "recipients[1].email.to[0]",
        "recipients[1].name",
        "recipients[2]",
        "routes[0].severities",
        "routes[0].steps[0].to",
        "routes[0].steps[1].after_min",
        "smtp.security",
        "smtp.user",
    ]


@pytest.mark.parametrize(
    "url",
    ["http://hooks.example/x", "ftp://hooks.example", "https://me:secret@hooks.example/", "x"],
)
def test_addresses_that_would_leak_are_refused(tmp_path: Path, url: str) -> None:
    path = tmp_path / "notices.yaml"
    wrong = {**PLAIN, "recipients": [{"name": "kim", "webhook": {"url": url}}]}
    path.write_text(yaml.safe_dump(wrong))
    with pytest.raises(FleetError, match=r"recipients\[0\].webhook.url"):
        load_notices(path)


@pytest.mark.parametrize("content", ["", "[]", "{", "recipients: []", "\x00"])
def test_files_that_are_no_settings_are_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "notices.yaml"
    path.write_text(content)
    with pytest.raises(FleetError):
        load_notices(path)


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s\n")
    (tmp_path / "secret").chmod(0o644)
    path = tmp_path / "notices.yaml"
    hook = {**HOOK, "secret_file": "secret"}
    both = [{"name": "kim", "webhook": hook}, {"name": "boss", "webhook": HOOK}]
    path.write_text(yaml.safe_dump({**PLAIN, "recipients": both}))
    with pytest.raises(FleetError, match="0644"):
        load_notices(path)
    (tmp_path / "secret").chmod(0o600)
    assert load_notices(path).secrets == {"kim": "s"}
