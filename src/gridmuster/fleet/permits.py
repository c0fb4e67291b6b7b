"""Engine permits: classes, limits of hours over a window, and what is used of them.

What each class allows is in `safety.permits`; a class of the file's own says it in
``permit_rules``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Self

from pydantic import Field, PrivateAttr, model_validator

from gridmuster.fleet.part import FleetId, Part
from gridmuster.signals import Purpose


class PermitClass(StrEnum):
    """Engine permit classes; what each allows is in `safety.permits`."""

    EPA_EMERGENCY = "epa_emergency"
    EPA_NON_EMERGENCY = "epa_non_emergency"
    CALIFORNIA_EMERGENCY = "california_emergency"
    EU_MCP = "eu_mcp"
    EU_MCP_NEW = "eu_mcp_new"
    UK_BACKUP = "uk_backup"
    UNRESTRICTED = "unrestricted"
    CUSTOM = "custom"


#: Hours a calendar year outside real outages that a class allows at most, h; None: no such cap of
#: its own. 40 CFR 63.6640(f), 60.4211(f); 17 CCR 93115.6 (testing of a new engine); England's
#: Environmental Permitting Regulations 2018, schedule 25B (testing of an excluded backup set).
PERMIT_CAP_H: Final[dict[PermitClass, float | None]] = {
    PermitClass.EPA_EMERGENCY: 100.0,
    PermitClass.EPA_NON_EMERGENCY: None,
    PermitClass.CALIFORNIA_EMERGENCY: 50.0,
    PermitClass.EU_MCP: None,
    PermitClass.EU_MCP_NEW: None,
    PermitClass.UK_BACKUP: 50.0,
    PermitClass.UNRESTRICTED: None,
    PermitClass.CUSTOM: None,
}


class Window(StrEnum):
    """Over what time hours are added up."""

    CALENDAR_YEAR = "calendar_year"
    ROLLING_DAYS = "rolling_days"
    YEARS_MEAN = "years_mean"


class HourLimit(Part):
    """A limit of running hours over a window, by the site's own calendar."""

    hours_h: float = Field(gt=0, description="most hours in the window; of years_mean: a year, h")
    window: Window = Field(
        default=Window.CALENDAR_YEAR,
        description="calendar_year, rolling_days (today and the days before), or years_mean "
        "(mean of this and the calendar years before)",
    )
    length: int = Field(
        default=1, ge=1, le=3660, description="days of rolling_days, or years of years_mean"
    )
    purposes: tuple[Purpose, ...] = Field(
        default=(), description="hours that count; empty: all but real outages"
    )

    @model_validator(mode="after")
    def _one_year(self) -> Self:
        if self.window is Window.CALENDAR_YEAR and self.length != 1:
            raise ValueError(
                "a calendar year has length 1; rolling_days and years_mean take others"
            )
        return self

    @property
    def total_h(self) -> float:
        """Most hours in the whole window, h."""
        return self.hours_h * (self.length if self.window is Window.YEARS_MEAN else 1)

    def counts(self, purpose: str) -> bool:
        """Whether hours run for a purpose count."""
        return purpose in self.purposes if self.purposes else purpose != Purpose.OUTAGE

    def words(self) -> str:
        """The limit as people say it."""
        what = f" for {' or '.join(self.purposes)}" if 0 < len(self.purposes) < len(Purpose) else ""
        if self.window is Window.CALENDAR_YEAR:
            return f"{self.hours_h:g} h a calendar year{what}"
        if self.window is Window.ROLLING_DAYS:
            return f"{self.hours_h:g} h in any {self.length} days{what}"
        return f"{self.hours_h:g} h a year in the mean of {self.length}{what}"


class PermitRules(Part):
    """A permit class of the file's own."""

    id: FleetId
    purposes: tuple[Purpose, ...] = Field(
        min_length=1,
        description="what its engines may run for: exercise, demand, price, emergency_alert, "
        "operator; a real outage always",
    )
    limits: tuple[HourLimit, ...] = Field(default=(), description="limits of hours, all of them")


class Permit(Part):
    """What the engine's air permit allows and how much of it is used."""

    permit_class: PermitClass = Field(description="permit class of the engine")
    rules: FleetId | None = Field(
        default=None, description="with class custom: which of the fleet's permit_rules"
    )
    hours_cap_h: float | None = Field(
        default=None,
        ge=0,
        description="hours a calendar year other than real outages, h; None: the class's own cap",
    )
    hours_used_h: float = Field(
        default=0.0, ge=0, description="hours used this calendar year, outages not counted, h"
    )
    hours_past_years_h: tuple[float, ...] = Field(
        default=(),
        description="hours in the calendar years before, the latest first, h; a year that is "
        "not told counts in full where a mean of years is limited",
    )
    _own: PermitRules | None = PrivateAttr(default=None)

    @property
    def own_rules(self) -> PermitRules | None:
        """The file's own class that this permit is of; None with a class known here."""
        return self._own

    def under(self, rules: PermitRules) -> Permit:
        """The permit with the rules that it names.

        Args:
            rules: the fleet's own class.
        """
        found = self.model_copy()
        found._own = rules
        return found


#: The mean of years that a class allows, h a year and years. Directive (EU) 2015/2193, article
#: 6(3): 500 operating hours a year as a rolling mean of five years; article 6(8): of three years
#: for new plants. Operating hours are all that the plant runs, outages too.
MEANS: Final[dict[PermitClass, HourLimit]] = {
    kind: HourLimit(hours_h=500.0, window=Window.YEARS_MEAN, length=years, purposes=tuple(Purpose))
    for kind, years in ((PermitClass.EU_MCP, 5), (PermitClass.EU_MCP_NEW, 3))
}
