"""End-users' meters: the mean of the last second, within the meter's accuracy class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from gridmuster.fleet.model import EndUser
from gridmuster.simulator.environment import Environment
from gridmuster.simulator.instrument import Instrument
from gridmuster.simulator.kernel import NEVER_MS, Kernel
from gridmuster.simulator.noise import entity_seed, stream

if TYPE_CHECKING:
    from gridmuster.simulator.site import SiteModel

PERIOD_MS: Final = 1_000
#: Class 0.5 S (IEC 62053-22): a fixed gain error, and noise of the single reading, both shares.
GAIN_SPREAD: Final = 0.002
NOISE_SPREAD: Final = 0.002
#: A meter is away for some seconds now and then: mean hours between, and from and to how long (K).
DROPOUT_EVERY_H: Final = 24.0
DROPOUT_S: Final = (4.0, 20.0)


class MeterModel(Instrument):
    """One end-user's meter.

    Args:
        user: the end-user.
        index: its number in the environment.
        site: whose gateway reads it.
        environment: what it wants.
        kernel: the world's timekeeping.
    """

    def __init__(
        self, user: EndUser, index: int, site: SiteModel, environment: Environment, kernel: Kernel
    ) -> None:
        super().__init__()
        self.id = user.id
        self.index = index
        self.site = site
        self.protected = user.behind_transfer
        self.first_kwh = environment.demand_kwh(index, kernel.now_ms)
        self.unserved_kwh = 0.0
        #: Behind an open load step.
        self.shed = False
        self._environment = environment
        self._kernel = kernel
        self._dice = stream(kernel.seed, "meter", user.id)
        self._gain = 1.0 + GAIN_SPREAD * self._dice.uniform(-1.0, 1.0)
        self._noise_seed = entity_seed(kernel.seed, "meter-noise", user.id)

        self.wake_ms = NEVER_MS
        self._away = False
        self._plan_dropout()

    def _plan_dropout(self) -> None:
        wait_h = self._dice.expovariate(1.0 / DROPOUT_EVERY_H)
        self._kernel.at(self._kernel.now_ms + 1000 + int(wait_h * 3_600_000), self)

    def wake(self) -> None:
        """A dropout begins or is over."""
        self._away = not self._away
        self.hush(self._away)
        if self._away:
            away_s = self._dice.uniform(*DROPOUT_S)
            self._kernel.at(self._kernel.now_ms + int(away_s * 1000), self)
        else:
            self._plan_dropout()

    def served_share(self) -> float:
        """Share of its demand that was served in the last step."""
        if self.protected:
            return self.site.served_share
        if self.shed:
            return 0.0
        return self.site.area.served_share

    def go_short(self, share: float, dt_h: float) -> None:
        """Miss a share of its demand for a step that has just ended."""
        end_ms = self._kernel.now_ms
        first_ms = end_ms - round(dt_h * 3_600_000)
        wanted_kwh = self._environment.demand_kwh(self.index, end_ms)
        wanted_kwh -= self._environment.demand_kwh(self.index, first_ms)
        self.unserved_kwh += share * wanted_kwh

    def wanted_kw(self) -> float:
        """What it wants now, kW."""
        return self._environment.demand_kw(self.index, self._kernel.now_ms)

    def wanted_kwh(self, first_ms: int, end_ms: int) -> float:
        """What it wants over a time within the present quarter of an hour, kWh."""
        return self._environment.demand_kwh(self.index, end_ms) - self._environment.demand_kwh(
            self.index, first_ms
        )

    def demand_kwh(self) -> float:
        """What it has wanted since the world began, kWh."""
        at_ms = self._kernel.now_ms
        return self._environment.demand_kwh(self.index, at_ms) - self.first_kwh

    def measure(self) -> Mapping[str, float]:
        """Mean power over its last period and its counter."""
        period = self._kernel.now_ms // PERIOD_MS
        middle_ms = period * PERIOD_MS - PERIOD_MS // 2
        word = (self._noise_seed + period * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        word = ((word ^ (word >> 31)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        noise = 1.0 + NOISE_SPREAD * ((word >> 11) * 2.0**-52 - 1.0)
        wanted_kw = self._environment.demand_kw(self.index, middle_ms)
        return {
            "power_kw": wanted_kw * self.served_share() * self._gain * noise,
            "energy_kwh": max(0.0, self.demand_kwh() - self.unserved_kwh) * self._gain,
        }

    def order(self, name: str, value: float) -> None:
        """A meter takes no orders."""
