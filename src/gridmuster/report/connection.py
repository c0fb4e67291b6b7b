"""What crossed each area's connection, at what price, and whether the limit was kept."""

from __future__ import annotations

from typing import Final

from gridmuster.fleet.model import Area, Fleet
from gridmuster.report.demand import Shortages
from gridmuster.report.tally import Tally
from gridmuster.signals import GridSignal, Price
from gridmuster.units import KWH_PER_MWH, MS_PER_HOUR, MS_PER_S

#: Share above the import limit that is put down to metering (class 0.5).
METERING_TOLERANCE: Final = 0.005
#: An import beyond this many times the limits is doubted.
FLOW_SLACK: Final = 5.0


class PriceLine:
    """The price over time, as its integral, so that the mean over any span since the last is known.

    Before the first price there is none; `known` is False.
    """

    __slots__ = ("_at_ms", "_integral", "_usd_per_mwh", "known")

    def __init__(self) -> None:
        self.known = False
        self._usd_per_mwh = 0.0
        self._integral = 0.0
        self._at_ms = 0

    def take(self, price: Price) -> None:
        """Take a price; it holds from its start, or from where the line already is."""
        at_ms = max(price.start_ms, self._at_ms) if self.known else price.start_ms
        self._integral = self.integral(at_ms)
        self._at_ms = at_ms
        self._usd_per_mwh = price.price_usd_per_mwh
        self.known = True

    def integral(self, at_ms: int) -> float:
        """The integral up to an instant, USD/MWh x ms; the last price goes on."""
        return self._integral + self._usd_per_mwh * (at_ms - self._at_ms)

    def mean(self, from_integral: float, from_ms: int, to_ms: int) -> float:
        """Mean price over a span, USD/MWh.

        Args:
            from_integral: `integral` at its start, as it was known then.
            from_ms: its start, ms.
            to_ms: its end, ms.
        """
        if to_ms <= from_ms:
            return self._usd_per_mwh
        return (self.integral(to_ms) - from_integral) / (to_ms - from_ms)


class Window:
    """Net import in one averaging window against the limit."""

    __slots__ = ("energy_kwh", "limit_kwms", "seen_ms", "start_ms")

    def __init__(self, start_ms: int) -> None:
        self.start_ms = start_ms
        self.energy_kwh = 0.0
        self.limit_kwms = 0.0
        self.seen_ms = 0


class Link:
    """One area's connection.

    Args:
        area: the area; it has a connection.
        shortages: where import above the limit is booked.
        began_ms: start of the period, ms.
    """

    def __init__(self, area: Area, shortages: Shortages, began_ms: int) -> None:
        connection = area.connection
        assert connection is not None
        self.area = area
        self.connection = connection
        self._shortages = shortages
        most_kw = FLOW_SLACK * (connection.import_limit_kw + connection.export_limit_kw)
        self.imported = Tally(most_kw, began_ms)
        self.exported = Tally(most_kw, began_ms)
        self.line = PriceLine()
        self.purchase_usd = self.sale_usd = 0.0
        self.unpriced_kwh = 0.0
        self.over_limit_kwh = 0.0
        self._waiting = [0.0, 0.0]
        self._at_ms = began_ms
        self._integral = 0.0
        self._limit_kw = connection.import_limit_kw
        self._window_ms = max(int(connection.averaging_s * MS_PER_S), 1)
        self._window: Window | None = None

    def begin(self, at_ms: int) -> None:
        """Begin anew at an instant."""
        self.imported.begin(at_ms)
        self.exported.begin(at_ms)
        self.line = PriceLine()
        self._at_ms = at_ms
        self._integral = 0.0

    def price(self, price: Price) -> None:
        """Take a price; what waited for the first one is settled at it."""
        first = not self.line.known
        self.line.take(price)
        if first:
            self._integral = self.line.integral(self._at_ms)
            self._settle(self._waiting[0], self._waiting[1], price.price_usd_per_mwh)
            self._waiting = [0.0, 0.0]

    def signal(self, at_ms: int, signal: GridSignal) -> None:
        """Take the connection's state."""
        bought_kwh = self.imported.take(at_ms, max(signal.import_kw, 0.0), signal.import_kwh)
        sold_kwh = self.exported.take(at_ms, max(-signal.import_kw, 0.0), signal.export_kwh)
        self._book(at_ms, bought_kwh, sold_kwh)
        self._limit_kw = min(signal.import_limit_kw, self.connection.import_limit_kw)

    def end(self, at_ms: int) -> None:
        """Close at the end of the period, ms."""
        self._book(at_ms, self.imported.end(at_ms), self.exported.end(at_ms))
        if self._window is not None:
            self._judge(self._window)
            self._window = None
        self.unpriced_kwh += sum(self._waiting)
        self._waiting = [0.0, 0.0]

    def _book(self, at_ms: int, bought_kwh: float, sold_kwh: float) -> None:
        from_ms, self._at_ms = self._at_ms, max(at_ms, self._at_ms)
        if self.line.known:
            self._settle(bought_kwh, sold_kwh, self.line.mean(self._integral, from_ms, at_ms))
            self._integral = self.line.integral(self._at_ms)
        else:
            self._waiting[0] += bought_kwh
            self._waiting[1] += sold_kwh
        self._spread(from_ms, at_ms, bought_kwh - sold_kwh)

    def _settle(self, bought_kwh: float, sold_kwh: float, usd_per_mwh: float) -> None:
        connection = self.connection
        buy = (usd_per_mwh + connection.import_adder_usd_per_mwh) / KWH_PER_MWH
        sell = (usd_per_mwh - connection.export_discount_usd_per_mwh) / KWH_PER_MWH
        self.purchase_usd += bought_kwh * buy
        self.sale_usd += sold_kwh * sell

    def _spread(self, from_ms: int, to_ms: int, net_kwh: float) -> None:
        """Put net import into the windows it crossed, evenly over its time."""
        span_ms = to_ms - from_ms
        if span_ms <= 0:
            if self._window is not None:
                self._window.energy_kwh += net_kwh
            return
        at_ms = from_ms
        while at_ms < to_ms:
            start_ms = at_ms - at_ms % self._window_ms
            window = self._window
            if window is None or window.start_ms != start_ms:
                if window is not None:
                    self._judge(window)
                window = self._window = Window(start_ms)
            part_ms = min(start_ms + self._window_ms, to_ms) - at_ms
            window.energy_kwh += net_kwh * part_ms / span_ms
            window.limit_kwms += self._limit_kw * part_ms
            window.seen_ms += part_ms
            at_ms += part_ms

    def _judge(self, window: Window) -> None:
        """Book what a window imported above its limit; one half seen counts as half empty."""
        if window.seen_ms <= 0:
            return
        limit_kw = window.limit_kwms / window.seen_ms
        full_h = self._window_ms / MS_PER_HOUR
        over_kwh = window.energy_kwh - limit_kw * full_h * (1.0 + METERING_TOLERANCE)
        if over_kwh <= 0.0:
            return
        self.over_limit_kwh += over_kwh
        mean_kw = window.energy_kwh / full_h
        self._shortages.add(
            "import_over_limit",
            self.area.id,
            self.area.id,
            (window.start_ms, window.start_ms + self._window_ms),
            over_kwh,
            f"mean import of {mean_kw:.0f} kW over {self.connection.averaging_s:.0f} s "
            f"above the limit of {limit_kw:.0f} kW",
            self._window_ms,
        )


class LinkBook:
    """Every connection that was ever in the fleet.

    Args:
        shortages: where import above a limit is booked.
    """

    def __init__(self, shortages: Shortages) -> None:
        self.links: dict[str, Link] = {}
        self._shortages = shortages

    def session(self, fleet: Fleet, now_ms: int, restarts: bool) -> None:
        """A head: new areas join; when time went back all begin anew."""
        if restarts:
            for link in self.links.values():
                link.begin(now_ms)
        for area in fleet.areas:
            if area.connection is not None and area.id not in self.links:
                self.links[area.id] = Link(area, self._shortages, now_ms)

    def price(self, price: Price) -> None:
        """Take a price."""
        link = self.links.get(price.area)
        if link is not None:
            link.price(price)

    def signal(self, at_ms: int, signal: GridSignal) -> None:
        """Take the state of a connection."""
        link = self.links.get(signal.area)
        if link is not None:
            link.signal(at_ms, signal)

    def end(self, at_ms: int) -> None:
        """Close at the end of the period, ms."""
        for link in self.links.values():
            link.end(at_ms)
