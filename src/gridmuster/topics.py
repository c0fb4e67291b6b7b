"""The topic tree: what is said where, on the wire and in the center's own journal."""

from __future__ import annotations


class Topics:
    """The topic tree of one fleet; a site reads and writes below its own branch only.

    Args:
        fleet: the fleet's id.
    """

    def __init__(self, fleet: str) -> None:
        self.root = f"gridmuster/v1/{fleet}"
        self.lease = f"{self.root}/center/lease"
        self.all_up = f"{self.root}/site/+/up/+"
        self.all_area = f"{self.root}/area/+/+"

    def report(self, site: str) -> str:
        """Where a site publishes its `SiteReport`."""
        return f"{self.root}/site/{site}/up/report"

    def demand(self, site: str) -> str:
        """Where a site publishes its `DemandReport`."""
        return f"{self.root}/site/{site}/up/demand"

    def ack(self, site: str) -> str:
        """Where a site publishes its `Ack`."""
        return f"{self.root}/site/{site}/up/ack"

    def command(self, site: str) -> str:
        """Where the center publishes a `SiteCommand`."""
        return f"{self.root}/site/{site}/down/command"

    def grid(self, area: str) -> str:
        """Where an area's `GridSignal` is published."""
        return f"{self.root}/area/{area}/grid"

    def price(self, area: str) -> str:
        """Where an area's `Price` is published."""
        return f"{self.root}/area/{area}/price"

    def price_forecast(self, area: str) -> str:
        """Where an area's `PriceForecast` is published."""
        return f"{self.root}/area/{area}/price-forecast"

    def price_worth(self, area: str) -> str:
        """Where an area's `PriceWorth` is published."""
        return f"{self.root}/area/{area}/price-worth"

    # Topics below never cross the wire; they label what the center notes in its own journal.

    @property
    def operator(self) -> str:
        """Label of an `OperatorRequest` that the API put into the center's inbox."""
        return f"{self.root}/center/operator"

    @property
    def plan_request(self) -> str:
        """Label of a planning request that left the core."""
        return f"{self.root}/center/plan-request"

    @property
    def plan_result(self) -> str:
        """Label of a planner's answer that entered the core."""
        return f"{self.root}/center/plan-result"

    @property
    def decision(self) -> str:
        """Label of a cycle's record: balance, shortfalls, reasons."""
        return f"{self.root}/center/decision"

    @property
    def fleet_notice(self) -> str:
        """Label of a `FleetNotice` around a change of the fleet."""
        return f"{self.root}/center/fleet"

    @property
    def history(self) -> str:
        """Label of `History` that a person gave the forecasts."""
        return f"{self.root}/center/history"

    @property
    def shell(self) -> str:
        """Label of what the shell tells the core about itself: session, cycle times, link."""
        return f"{self.root}/center/shell"
