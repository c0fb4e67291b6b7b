"""Views of a made-up plant, for tests and pictures: a fixed evening, or any size from a seed."""

import math
import random

from msgspec import structs

from gridmuster.center.view import (
    AlarmView,
    AreaView,
    CommandView,
    DecisionView,
    DeviceView,
    Mode,
    PlantView,
)
from gridmuster.clock import parse_iso

EVENING_MS = parse_iso("2026-07-14T23:42:08Z")
STEP_S = 900
INTERVALS = 96

#: type: (rated kW, share of the devices, store kWh, fuel level when full)
KINDS = {
    "emergency_generator": (500.0, 0.40, None, 2000.0),
    "engine": (800.0, 0.12, None, 4000.0),
    "microturbine": (200.0, 0.05, None, None),
    "fuel_cell": (250.0, 0.03, None, None),
    "photovoltaic": (300.0, 0.17, None, None),
    "wind_turbine": (600.0, 0.05, None, None),
    "battery": (400.0, 0.14, 1600.0, None),
    "flywheel": (150.0, 0.02, 25.0, None),
    "smes": (100.0, 0.02, 0.5, None),
}
AREAS = ("north", "south", "harbor", "airport", "campus", "mill")


def curve(peak_kw: float, phase_h: float = 0.0) -> list[float]:
    """A day's demand in quarter hours: a base, a hump and an evening peak."""
    values = []
    for k in range(INTERVALS):
        hour = (k * STEP_S / 3600.0 + 18.7 + phase_h) % 24.0
        peak = math.exp(-((hour - 18.5) ** 2) / 8.0)
        noon = math.exp(-((hour - 12.0) ** 2) / 20.0)
        values.append(round(peak_kw * (0.42 + 0.5 * peak + 0.22 * noon), 1))
    return values


def area(name: str, devices: list[DeviceView], peak_kw: float, n: int = 0) -> AreaView:
    """An area whose balance closes exactly over its devices."""
    by_type: dict[str, float] = {}
    for device in devices:
        by_type[device.type] = round(by_type.get(device.type, 0.0) + device.power_kw, 1)
    generation = round(sum(by_type.values()), 1)
    middle = curve(peak_kw, 0.3 * n)
    demand = middle[0]
    losses = round(demand * 0.03, 1)
    running = max(devices, key=lambda device: device.power_kw, default=None)
    return AreaView(
        id=name,
        name=name.capitalize(),
        demand_kw=demand,
        estimated_kw=round(demand * 0.02, 1),
        losses_kw=losses,
        generation_kw=generation,
        generation_kw_by_type=by_type,
        import_kw=round(demand + losses - generation, 1),
        import_limit_kw=round(peak_kw * 0.8, -2),
        export_limit_kw=round(peak_kw * 0.3, -2),
        reserve_kw=round(peak_kw * 0.12, 1),
        largest_unit_kw=running.power_kw if running else 0.0,
        largest_unit=running.id if running else "",
        shortfall_kw=0.0,
        shortfall_cause="",
        lolp=0.0004,
        price_usd_per_mwh=184.37,
        frequency_hz=59.984,
        energised=True,
        quality="good",
        forecast_start_ms=EVENING_MS - EVENING_MS % (STEP_S * 1000),
        forecast_step_s=STEP_S,
        forecast_kw=middle,
        forecast_low_kw=[
            round(value * (1 - 0.02 - 0.0008 * k), 1) for k, value in enumerate(middle)
        ],
        forecast_high_kw=[
            round(value * (1 + 0.03 + 0.0012 * k), 1) for k, value in enumerate(middle)
        ],
        planned_generation_kw=[round(max(0.0, value - 0.75 * peak_kw), 1) for value in middle],
        planned_import_kw=[round(min(value, 0.75 * peak_kw), 1) for value in middle],
    )


def device(number: int, kind: str, place: str, rng: random.Random) -> DeviceView:
    """One device of a kind in an area, in a state that fits its kind."""
    rated, _, energy, tank = KINDS[kind]
    engine = kind in ("emergency_generator", "engine", "microturbine", "fuel_cell")
    if engine:
        weights = (9, 1, 1, 7, 1, 0.4, 0.2, 0.2)
        states = ("idle", "starting", "warming", "running", "cooling", "fault", "locked", "unknown")
        state = rng.choices(states, weights)[0]
    else:
        state = "running"
    power = round(rated * rng.uniform(0.4, 0.95), 1) if state == "running" else 0.0
    if energy is not None and rng.random() < 0.4:
        power = -power
    silent = state == "unknown"
    return DeviceView(
        id=f"s{number:03d}-{kind.replace('_', '-')}",
        type=kind,
        site=f"s{number:03d}",
        area=place,
        state=state,
        mode="manual" if state == "locked" else "auto",
        quality="stale" if silent else "good",
        age_s=187.0 if silent else round(rng.uniform(0.5, 18.0), 1),
        power_kw=power,
        setpoint_kw=round(power, -1) if state == "running" else None,
        order="run" if state in ("running", "starting", "warming") else "stop",
        available_kw=0.0 if state in ("fault", "locked", "unknown") else rated,
        rated_kw=rated,
        energy_kwh=round(energy * rng.uniform(0.1, 0.95), 2) if energy else None,
        energy_capacity_kwh=energy,
        fuel_level=round(tank * rng.uniform(0.3, 1.0), 1) if tank else None,
        fuel_floor=tank * 0.35 if tank else None,
        run_h=round(rng.uniform(10, 900), 1) if engine else None,
        permit_class="epa_emergency" if kind == "emergency_generator" else "",
        permit_left_h=round(rng.uniform(2, 50), 1) if kind == "emergency_generator" else None,
        reason="peak: import would pass its limit" if state == "running" and engine else "",
        override="",
        alarms=["fail to start"] if state == "fault" else [],
        planned_kw=[round(rated * 0.6, 1) if 4 < k < 20 else 0.0 for k in range(INTERVALS)],
    )


def plant(sites: int = 60, seed: int = 1, areas: int = 3) -> PlantView:
    """A plant of so many sites, about 2.2 devices a site, in an evening peak."""
    rng = random.Random(seed)
    kinds, shares = list(KINDS), [kind[1] for kind in KINDS.values()]
    devices = []
    for number in range(sites):
        place = AREAS[number % areas]
        count = rng.choices((1, 2, 3, 4), (2, 4, 3, 1))[0]
        wanted = [kinds[number]] if number < len(kinds) else []
        wanted += [kind for kind in rng.choices(kinds, shares, k=count) if kind not in wanted]
        devices += [device(number, kind, place, rng) for kind in dict.fromkeys(wanted)]
    groups = {name: [d for d in devices if d.area == name] for name in AREAS[:areas]}
    balance = [
        area(name, group, 1.6 * sum(abs(d.power_kw) for d in group) + 500.0, n)
        for n, (name, group) in enumerate(groups.items())
    ]
    return PlantView(
        at_ms=EVENING_MS,
        fleet="demo-60",
        center_id="center-a",
        fence=3,
        mode=Mode.COMMANDING,
        cycle=16_261,
        objective="operating-expense",
        areas=balance,
        devices=devices,
        alarms=_alarms(devices),
        decisions=_decisions(devices),
        commands=_commands(devices),
        counters={"starts": 41.0, "failed_starts": 2.0, "unserved_kwh": 0.0},
        plan_status="optimal",
        plan_gap=0.0008,
        plan_age_s=248.0,
        time_zone="America/Chicago",
        speed=60.0,
    )


def empty() -> PlantView:
    """What a center shows before it has heard anything."""
    return structs.replace(
        plant(0, areas=0), mode=Mode.RECOVERING, cycle=0, alarms=[], decisions=[], commands=[]
    )


def short_of_power() -> PlantView:
    """An evening in which one area cannot meet its demand and its import is at the limit."""
    view = plant()
    first = view.areas[0]
    short = structs.replace(
        first,
        shortfall_kw=412.0,
        shortfall_cause="s003-engine failed to start; import is at its limit",
        import_kw=first.import_limit_kw,
        reserve_kw=0.0,
        lolp=0.31,
        quality="stale",
    )
    return structs.replace(view, areas=[short, *view.areas[1:]])


def _alarms(devices: list[DeviceView]) -> list[AlarmView]:
    found = [
        AlarmView(
            f"silent.{d.id}",
            "warning",
            d.id,
            "silent for 3 min",
            "check the site's link; its power is kept in the balance as last heard",
            EVENING_MS - 187_000,
        )
        for d in devices
        if d.state == "unknown"
    ]
    found += [
        AlarmView(
            f"fault.{d.id}",
            "critical",
            d.id,
            "failed to start after 3 tries",
            "send someone: check starter battery and fuel valve, then reset",
            EVENING_MS - 754_000,
        )
        for d in devices
        if d.state == "fault"
    ]
    return found


def _decisions(devices: list[DeviceView]) -> list[DecisionView]:
    running = [d for d in devices if d.state == "running" and d.reason][:12]
    return [
        DecisionView(
            EVENING_MS - 64_000 * (n + 1),
            d.id,
            "start",
            f"started for {d.setpoint_kw or 0:.0f} kW: import of {d.area} would pass its limit at "
            "18:45; next cheapest was s017-engine at 212 USD/MWh",
        )
        for n, d in enumerate(running)
    ]


def _commands(devices: list[DeviceView]) -> list[CommandView]:
    outcomes = ("done", "done", "accepted", "done", "refused", "failed", "expired", "reduced")
    return [
        CommandView(
            f"c3-{9000 - n}",
            EVENING_MS - 4_000 * (n + 1),
            d.site,
            d.id,
            "run" if d.power_kw else "stop",
            d.setpoint_kw or 0.0,
            outcomes[n % len(outcomes)],
            "not in auto" if outcomes[n % len(outcomes)] == "refused" else "",
            None if outcomes[n % len(outcomes)] == "expired" else 0.3 + n / 40,
        )
        for n, d in enumerate(devices[:16])
    ]
