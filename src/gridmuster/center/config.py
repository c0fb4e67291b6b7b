"""Settings of the center, with the defaults the domain's facts suggest."""

from __future__ import annotations

from msgspec import Struct


class CenterConfig(Struct, frozen=True):
    """How often the center decides and how long it trusts.

    Intervals and ages in seconds of plant time. ``ttl_s`` and ``renew_s`` follow invariant 5 of
    `domain.md` section 6 (60-300 s, renewed at a third); ``stale_s`` is three heartbeats of a
    site (invariant 9). ``forecast_fresh_s`` is six issues of the forecaster beside the center.
    """

    cycle_s: float = 4.0
    plan_every_s: int = 900
    plan_lead_s: int = 180
    plan_step_s: int = 900
    plan_count: int = 96
    plan_gap: float = 1e-3
    plan_time_limit_s: float = 30.0
    ttl_s: float = 120.0
    renew_s: float = 40.0
    stale_s: float = 60.0
    ack_timeout_s: float = 12.0
    max_tries: int = 3
    recovery_s: float = 30.0
    checkpoint_every_s: int = 900
    import_margin_fraction: float = 0.02
    start_grace_s: float = 30.0
    lolp_every_cycles: int = 15
    operator_override_s: int = 3600
    link_allowance_s: float = 2.0
    forecast_fresh_s: int = 5400
