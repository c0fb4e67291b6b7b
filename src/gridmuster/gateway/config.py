"""Settings of a site's agent and of the gateway program."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """How a site behaves. Times are seconds of plant time.

    Args:
        scan_s: expected time between scans; the energy of a store is guarded one scan ahead.
        heartbeat_s: longest silence between two reports.
        link_allowance_s: how late a command may be on the link, on top of the 5 s of skew.
        return_after_s: how long the utility must be healthy before the site goes back to it
            (300 s: IEEE 1547-2018 enter-service delay).
        return_spread_s: spread of the returns of many sites on top of that (invariant 12).
        resend_s: time after which an order that shows no effect is given again.
        respond_s: time in which a device must visibly react to an order.
        adopt_s: how long a device found running at the start may run on without a command.
        lapse_ramp_s: time in which a store or inverter moves its full rating to the safe state.
        alarm_hold_s: how long a passing alarm stays in the reports.
        maintenance: devices locked for work on them.
        alert_asserted: the conditions for emergency-alert runs are on record for this site.
    """

    scan_s: float = 0.5
    heartbeat_s: float = 20.0
    link_allowance_s: float = 2.0
    return_after_s: float = 300.0
    return_spread_s: float = 120.0
    resend_s: float = 5.0
    respond_s: float = 15.0
    adopt_s: float = 60.0
    lapse_ramp_s: float = 30.0
    alarm_hold_s: float = 60.0
    maintenance: frozenset[str] = frozenset()
    alert_asserted: bool = False
