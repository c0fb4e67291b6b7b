"""Realistic frames for the tests of the journal, from a seed."""

import random

from gridmuster.signals import (
    Ack,
    DeviceOutcome,
    DeviceReading,
    DeviceState,
    Frame,
    Order,
    Outcome,
    Setpoint,
    SiteCommand,
    SiteReport,
    Supply,
    encode,
)
from gridmuster.topics import Topics

TOPICS = Topics("metro")
NOW_MS = 1_790_000_000_000
STEP_MS = 4000


def reading(dice: random.Random, site: str, kind: str, cycle: int) -> DeviceReading:
    return DeviceReading(
        device=f"{site}-{kind}-1",
        state=DeviceState.RUNNING,
        power_kw=round(dice.uniform(0, 400), 1),
        available_kw=400.0,
        produced_kwh=round(10_000 + cycle * dice.uniform(0, 0.5), 3),
        energy_kwh=round(dice.uniform(0, 500), 2) if kind == "battery" else None,
        fuel_level=round(3000 - cycle * 0.1, 2) if kind == "generator" else None,
        run_h=round(900 + cycle / 900, 3),
        starts=17,
    )


def cycle_frames(
    cycle: int, dice: random.Random, sites: int = 60
) -> tuple[list[Frame], list[Frame]]:
    """What a cycle of a busy fleet takes in and gives out: every site reports, some obey."""
    now_ms = NOW_MS + cycle * STEP_MS
    inbound, outbound = [], []
    for number in range(sites):
        site = f"site-{number:04d}"
        devices = tuple(reading(dice, site, kind, cycle) for kind in ("generator", "battery"))
        report = SiteReport(
            site=site,
            at_ms=now_ms - dice.randint(0, 3999),
            sequence=cycle,
            supply=Supply.PARALLEL,
            utility_ok=True,
            frequency_hz=round(dice.gauss(60, 0.02), 3),
            voltage_pu=round(dice.gauss(1, 0.01), 3),
            poi_kw=round(dice.uniform(-300, 300), 1),
            devices=devices,
            highest_fence=3,
            fence_holder="center-a",
            last_sequence=cycle,
        )
        inbound.append(Frame(TOPICS.report(site), encode(report), now_ms - 3))
        if number % 4 == cycle % 4:
            command = SiteCommand(
                id=f"c3-{cycle}-{number}",
                site=site,
                center_id="center-a",
                fence=3,
                sequence=cycle,
                issued_at_ms=now_ms,
                expires_at_ms=now_ms + 120_000,
                setpoints=tuple(Setpoint(d.device, Order.RUN, d.power_kw) for d in devices),
            )
            outbound.append(Frame(TOPICS.command(site), encode(command), now_ms))
            ack = Ack(
                site=site,
                at_ms=now_ms - 2000,
                command_id=f"c3-{cycle - 1}-{number}",
                fence=3,
                sequence=max(cycle - 1, 0),
                outcome=Outcome.DONE,
                devices=tuple(
                    DeviceOutcome(d.device, Outcome.DONE, measured_kw=d.power_kw) for d in devices
                ),
            )
            inbound.append(Frame(TOPICS.ack(site), encode(ack), now_ms - 1))
    return inbound, outbound
