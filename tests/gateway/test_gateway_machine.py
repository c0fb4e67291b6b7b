"""Random days of two centers, bad links and bad luck: what must hold holds always."""

from __future__ import annotations

from collections import Counter

import msgspec
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from toy_site import FAULT, IDLE, LOCAL, RUNNING, ToySite, fleet

from gridmuster.gateway.agent import SiteAgent
from gridmuster.signals import Frame, Lease, Order, Outcome, Purpose, Setpoint, SiteCommand, encode

#: Longest way to the safe state after a lapse, s: 50 kW at 2.5 kW/s, 30 s for inverters, slack.
TO_SAFETY_S = 40.0
DEVICES = ["g1", "g2", "b", "p"]
CENTERS = ["A", "B"]

SETPOINTS = st.lists(
    st.builds(
        Setpoint,
        device=st.sampled_from([*DEVICES, "x"]),
        order=st.sampled_from([Order.RUN] * 6 + [Order.STOP] * 2 + list(Order)),
        power_kw=st.floats(-60.0, 60.0) | st.sampled_from([0.0, 20.0, 50.0]),
        purpose=st.sampled_from([Purpose.DEMAND] * 4 + list(Purpose)),
    ),
    min_size=1,
    max_size=4,
)


class Days(RuleBasedStateMachine):
    """One site, scanned every half second or four."""

    @initialize(
        kind=st.sampled_from(["paralleling", "transfer_switch"]),
        export_kw=st.sampled_from([0.0, 60.0, 500.0]),
        scan_s=st.sampled_from([0.5, 4.0]),
    )
    def begin(self, kind: str, export_kw: float, scan_s: float) -> None:
        self.scan_s = scan_s
        self.toy = ToySite(fleet(kind=kind, export_kw=export_kw))
        self.fence = 1
        self.sequence = 0
        self.leader = "A"
        self.sent: list[bytes] = []
        self.waiting: list[bytes] = []
        self.highest = (0, "")
        self.seen_fences = 0
        self.holder_of: dict[int, str] = {}
        self.lost_ms = -1
        self.covered_until_ms: dict[str, int] = {}
        self.time(4.0)

    # What happens.

    @rule(seconds=st.sampled_from([0.5, 4.0, 15.0, 40.0, 150.0]))
    def time(self, seconds: float) -> None:
        for _ in range(max(round(seconds / self.scan_s), 1)):
            knew = self.toy.agent.local_duty
            lost = not self.toy.utility_ok and not self.toy.panel_silent
            before = len(self.toy.orders)
            self.toy.step(self.scan_s)
            if lost and not knew:
                assert self.toy.agent.local_duty
            if lost:
                self.nothing_for_the_market(before)

    def nothing_for_the_market(self, before: int) -> None:
        """From the very scan that saw the loss no inverter is told to give or take."""
        for key, order, value in self.toy.orders[before:]:
            if key in ("b", "p") and order == "set_power_kw":
                assert value == 0.0

    @rule()
    def quiet_spell(self) -> None:
        """All is well and nobody commands: everything comes to rest by itself."""
        toy = self.toy
        toy.silent.clear()
        toy.panel_silent, toy.utility_ok = False, True
        self.time(450.0)
        assert not toy.agent.local_duty
        assert not toy.switched_local
        assert all(engine.state != RUNNING for engine in toy.engines.values())
        assert toy.battery.power_kw == 0.0
        assert "local_duty" not in toy.reports[-1].alarms
        room_kw = self.toy.fleet.sites[0].transfer.export_limit_kw + toy.load_kw
        assert toy.panels.power_kw >= min(toy.panels.sun_kw, room_kw) - 1.6 or (
            toy.panels.state != RUNNING
        )
        assert toy.panels.power_kw <= room_kw + 1.6

    @rule(
        devices=st.lists(st.sampled_from(DEVICES), min_size=1, unique=True),
        power_kw=st.sampled_from([-20.0, 0.0, 20.0, 40.0]),
        stop=st.sampled_from([False, False, False, True]),
    )
    def good_command(self, devices: list[str], power_kw: float, stop: bool) -> None:
        """What the center of the day asks for in good order."""
        order = Order.STOP if stop else Order.RUN
        asked = [
            Setpoint(device, order, 0.0 if stop else max(power_kw, 0.0 if device != "b" else -40.0))
            for device in devices
        ]
        self.odd_command(self.leader, 0, 1, asked, 60.0, 0.0, late=False)

    @rule(
        center=st.sampled_from(CENTERS),
        newer=st.sampled_from([0, 0, 0, 0, -1, 1]),
        step=st.sampled_from([1, 1, 1, 2, 0, -1]),
        setpoints=SETPOINTS,
        ttl_s=st.sampled_from([5.0, 60.0, 60.0, 120.0]),
        skew_s=st.sampled_from([0.0, 0.0, 0.0, 4.0, -4.0, 10.0, -10.0]),
        late=st.booleans(),
    )
    def odd_command(
        self,
        center: str,
        newer: int,
        step: int,
        setpoints: list[Setpoint],
        ttl_s: float,
        skew_s: float,
        late: bool,
    ) -> None:
        fence = max(self.fence + newer, 0)
        if fence > self.fence:
            self.fence, self.leader = fence, center
        self.sequence = max(self.sequence + step, 0)
        now_ms = self.toy.now_ms
        payload = encode(
            SiteCommand(
                id=f"{center}.{fence}.{self.sequence}.{len(self.sent)}",
                site="s",
                center_id=center,
                fence=fence,
                sequence=self.sequence,
                issued_at_ms=now_ms + int(skew_s * 1000),
                expires_at_ms=now_ms + int(ttl_s * 1000),
                setpoints=tuple(setpoints),
            )
        )
        self.sent.append(payload)
        if late:
            self.waiting.append(payload)
        else:
            self.deliver(payload)

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0, 50))
    def arrives_late(self, which: int) -> None:
        self.deliver(self.waiting.pop(which % len(self.waiting)))

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 50))
    def arrives_twice(self, which: int) -> None:
        payload = self.sent[which % len(self.sent)]
        self.deliver(payload)
        orders = len(self.toy.orders)
        if self.toy.deliver(payload).outcome is Outcome.DUPLICATE:
            assert len(self.toy.orders) == orders

    def deliver(self, payload: bytes) -> None:
        """Hand a command over and note what was promised for how long."""
        command = msgspec.json.decode(payload, type=SiteCommand)
        orders = len(self.toy.orders)
        local_duty = self.toy.agent.local_duty
        ack = self.toy.deliver(payload)
        if ack.outcome in (Outcome.REFUSED, Outcome.DUPLICATE, Outcome.EXPIRED):
            assert len(self.toy.orders) == orders
            if ack.outcome is Outcome.REFUSED and not local_duty:
                stopped = all(s.order is Order.STOP for s in command.setpoints)
                known = all(s.device in DEVICES for s in command.setpoints)
                assert not (stopped and known and ack.devices), "a stop was refused"
            return
        assert command.fence >= self.highest[0]
        assert self.holder_of.setdefault(command.fence, command.center_id) == command.center_id
        assert command.expires_at_ms > self.toy.now_ms
        # Refusals are told per setpoint: of a device named twice the first may still be taken.
        taken = Counter(setpoint.device for setpoint in command.setpoints)
        taken.subtract(one.device for one in ack.devices if one.outcome is Outcome.REFUSED)
        for device, count in taken.items():
            assert count in (0, 1), f"{count} setpoints of {device} taken at once"
            if count:
                self.covered_until_ms[device] = command.expires_at_ms

    @rule(center=st.sampled_from(CENTERS))
    def a_center_takes_over(self, center: str) -> None:
        """The usual way: a lease under the next fence, then commands."""
        self.fence += 1
        self.leader = center
        payload = encode(Lease(center, self.fence, self.toy.now_ms))
        self.hear(self.toy.agent.topics.lease, payload)

    def hear(self, topic: str, payload: bytes) -> None:
        frame = Frame(topic, payload, self.toy.now_ms)
        self.toy.take(self.toy.agent.receive(self.toy.now_ms, frame))

    @rule(ok=st.booleans())
    def utility(self, ok: bool) -> None:
        self.toy.utility_ok = ok

    @rule(load_kw=st.floats(1.0, 60.0), sun_kw=st.floats(0.0, 30.0))
    def weather(self, load_kw: float, sun_kw: float) -> None:
        self.toy.load_kw, self.toy.panels.sun_kw = load_kw, sun_kw

    @rule(
        what=st.sampled_from(["trip", "fails", "mend", "panel", "silent", "restart", "garbage"]),
        which=st.sampled_from(DEVICES),
        noise=st.binary(max_size=100),
    )
    def mishap(self, what: str, which: str, noise: bytes) -> None:
        toy = self.toy
        engine = toy.engines.get(which)
        if what == "panel":
            toy.panel_silent = not toy.panel_silent
        elif what == "silent":
            (toy.silent.discard if which in toy.silent else toy.silent.add)(which)
        elif what == "garbage":
            orders = len(toy.orders)
            self.hear(toy.agent.topics.command("s"), noise)
            self.hear(toy.agent.topics.lease, noise)
            assert len(toy.orders) == orders
        elif what == "restart":
            again = SiteAgent(toy.fleet, "s", toy.config)
            again.restore(toy.agent.memory())
            toy.agent = again
            # Whatever runs is adopted for a minute from now.
            for device in DEVICES:
                self.covered_until_ms[device] = toy.now_ms + 60_000
        elif engine is not None and what == "trip" and engine.state == RUNNING:
            engine.state = FAULT
        elif engine is not None and what == "mend" and engine.state != RUNNING:
            engine.state, engine.fails = IDLE, False
        elif engine is not None and what == "fails":
            engine.fails = True

    # What must hold.

    @invariant()
    def the_fence_never_falls_and_has_one_holder(self) -> None:
        for fence, holder in self.toy.fences[self.seen_fences :]:
            assert fence >= self.highest[0]
            if fence == self.highest[0] and self.highest[1]:
                assert holder == self.highest[1]
            self.highest = (fence, holder)
        self.seen_fences = len(self.toy.fences)

    @invariant()
    def nothing_is_sent_to_a_dead_line(self) -> None:
        toy = self.toy
        if toy.utility_ok or toy.panel_silent or not toy.agent.local_duty:
            self.lost_ms = -1
            return
        if self.lost_ms < 0:
            self.lost_ms = toy.now_ms
        # Told in the scan that saw it; inverters obey at once, sets unload in 20 s.
        if toy.now_ms - self.lost_ms < 1000 * (25.0 + 2.0 * self.scan_s):
            return
        if not toy.silent:
            assert toy.battery.power_kw <= 1e-6
            assert toy.panels.power_kw <= 1e-6
            assert toy.poi_kw <= 1e-6 or toy.supply == LOCAL

    @invariant()
    def what_lapsed_is_at_rest(self) -> None:
        toy = self.toy
        if toy.agent.local_duty or toy.silent or toy.panel_silent or not toy.utility_ok:
            for device in DEVICES:
                self.covered_until_ms[device] = max(
                    self.covered_until_ms.get(device, 0), toy.now_ms + 60_000
                )
            return
        for device in ("g1", "g2"):
            over_s = (toy.now_ms - self.covered_until_ms.get(device, 0)) / 1000.0
            if over_s > TO_SAFETY_S + 4.0 * self.scan_s:
                assert toy.engines[device].state != RUNNING
        over_s = (toy.now_ms - self.covered_until_ms.get("b", 0)) / 1000.0
        if over_s > TO_SAFETY_S + 4.0 * self.scan_s:
            assert toy.battery.power_kw == 0.0

    @invariant()
    def no_set_is_started_while_it_is_in_fault(self) -> None:
        assert not self.toy.started_in_fault


Days.TestCase.settings = settings(
    max_examples=50,
    stateful_step_count=40,
    deadline=None,
    # No tracing and no shrinking: a day has thousands of scans, and a failing one is told anyway.
    phases=(Phase.reuse, Phase.generate),
)
TestDays = Days.TestCase


def test_of_a_device_named_twice_the_first_setpoint_holds_until_it_lapses() -> None:
    day = Days()
    day.begin("transfer_switch", export_kw=0.0, scan_s=4.0)
    day.quiet_spell()
    asked = [Setpoint("b", Order.RUN, -9.0), Setpoint("b", Order.RUN, 0.0)]
    day.odd_command("A", 0, 1, asked, 5.0, 0.0, late=False)
    assert day.covered_until_ms["b"] == day.toy.now_ms + 5_000
    day.time(4.0)
    assert day.toy.battery.power_kw == -9.0
    day.what_lapsed_is_at_rest()
    day.time(TO_SAFETY_S)
    assert day.toy.battery.power_kw == 0.0
