"""What controllers and gateways mean by their alarms, in words, and what a person can do."""

from __future__ import annotations

from typing import Final, NamedTuple


class AlarmWords(NamedTuple):
    """An alarm in words, and what to do about it."""

    text: str
    advice: str


#: By the word that a device's controller or a site's gateway sends.
KNOWN: Final[dict[str, AlarmWords]] = {
    "fail_to_start": AlarmWords(
        "failed to start", "check starter battery, fuel valve and air; reset at the set"
    ),
    "overspeed": AlarmWords("stopped for overspeed", "have the governor checked before a reset"),
    "low_oil_pressure": AlarmWords(
        "low oil pressure", "check oil level and leaks before it runs again"
    ),
    "high_temperature": AlarmWords(
        "coolant too hot", "check coolant, fan and louvres; let it cool before a reset"
    ),
    "low_fuel": AlarmWords("low fuel", "order fuel; check the tank's gauge"),
    "not_in_auto": AlarmWords("not in auto", "turn the switch to auto at the site"),
    "emergency_stop": AlarmWords(
        "emergency stop at the controller", "find out who pressed it and why, then reset"
    ),
    "fail_to_stop": AlarmWords("does not stop", "stop it at the site; check its fuel valve"),
    "breaker_fault": AlarmWords("breaker does not follow", "have the breaker checked at the site"),
    "reverse_power": AlarmWords("tripped on reverse power", "check its load sharing, then reset"),
    "local_duty": AlarmWords(
        "the site serves its own load", "nothing, while its utility is away; check its fuel"
    ),
    "island_duty": AlarmWords(
        "its sets carry the area's island", "nothing, while the utility is away; check their fuel"
    ),
    "coupling_stuck": AlarmWords(
        "the coupling breaker does not open",
        "open it by hand; nothing is energised behind it until then",
    ),
    "no_engine_for_own_load": AlarmWords(
        "no set can carry the site's own load any more",
        "send a mobile set, or shed load at the site",
    ),
    "backup_failed": AlarmWords("did not take up the site's load", "send someone to the site"),
    "lapsed": AlarmWords(
        "its setpoint ran out for want of a new one", "check the site's link if it comes again"
    ),
    "export_limit": AlarmWords(
        "held back at the site's export limit", "nothing; check the limit if it comes often"
    ),
    "bad_message": AlarmWords("got a message it cannot read", "check who publishes to the site"),
    "bad_value": AlarmWords("read a value that cannot be", "check the controller that gave it"),
    "command_refused": AlarmWords("refused a command", "see the site's commands for its reason"),
    "transfer_stuck": AlarmWords(
        "the transfer switch does not follow", "have the switch checked at the site"
    ),
    "outbox_failed": AlarmWords(
        "cannot keep what it has not sent", "check the gateway's disk; reports may be lost"
    ),
    "memory_not_saved": AlarmWords(
        "cannot save its memory", "check the gateway's disk before it restarts"
    ),
    "panel_silent": AlarmWords(
        "the transfer panel does not answer", "check the panel's cable and supply"
    ),
}


def words_of(alarm: str, advice: str) -> AlarmWords:
    """An alarm in words.

    Args:
        alarm: as sent: a known word, with what it is about after a colon, or any other.
        advice: what to do about one that is not known.
    """
    word, _, subject = alarm.partition(":")
    known = KNOWN.get(word)
    text = word.replace("_", " ") if known is None else known.text
    if subject:
        text = f"{subject}: {text}"
    return AlarmWords(text, advice if known is None else known.advice)
