"""The market history that a center's forecaster goes on from, as the command line names it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gridmuster.errors import Fault, FleetError, PlanningError
from gridmuster.fleet.model import Fleet
from gridmuster.forecast.market.heard import base_of
from gridmuster.planning.worth.prices import finest
from gridmuster.runtime.appraiser import Appraiser, WorthProcess
from gridmuster.runtime.errands import RoomProcess
from gridmuster.runtime.forecaster import Forecaster, ForecastProcess
from gridmuster.runtime.forecasting import ForecastRoom, MarketBase
from gridmuster.runtime.worthroom import WorthRoom
from gridmuster.signals import Frame
from gridmuster.store.journal import Journal
from gridmuster.store.market.files import load_mapping, presets, read_market
from gridmuster.store.records import Kind
from gridmuster.topics import Topics

#: Price above which scarcity is told of, unless another is asked for, USD/MWh.
SCARCE_USD_PER_MWH = 200.0


@dataclass(frozen=True, slots=True)
class MarketOptions:
    """Where a market's history is, and how it is read.

    Args:
        files: Parquet or CSV files of one market.
        mapping: a file, or the name of a preset; "": the preset whose columns they have.
        area: the market's area that the fleet is in; "": the only one there is.
        shift_ms: what is added to an instant of the files to get plant time, ms.
        scarce_usd_per_mwh: above which a price is scarcity.
        decide: whether stores and engines act on what is learnt of it, not on plans alone.
    """

    files: tuple[Path, ...]
    mapping: str = ""
    area: str = ""
    shift_ms: int = 0
    scarce_usd_per_mwh: float = SCARCE_USD_PER_MWH
    decide: bool = False


def open_market(options: MarketOptions, now_ms: int) -> MarketBase:
    """Read a history up to a plant time.

    Args:
        options: where it is.
        now_ms: plant time, ms; what was published later is not read.

    Raises:
        FleetError: when files, mapping or area are wrong, or nothing can be learnt from them.
    """
    mapping = None
    if options.mapping:
        known = presets()
        mapping = known.get(options.mapping) or load_mapping(Path(options.mapping))
    wanted = [options.area] if options.area else []
    histories = read_market(options.files, mapping, wanted)
    if len(histories) > 1:
        names = ", ".join(sorted(histories))
        raise _fault(options, names, "several areas", "--market-area NAME, one of them")
    history = next(iter(histories.values()))
    try:
        base = base_of(history, now_ms - options.shift_ms)
    except PlanningError as error:
        raise _fault(options, history.area, str(error), "real-time prices before now") from error
    return MarketBase(base, options.shift_ms, options.scarce_usd_per_mwh)


def _fault(options: MarketOptions, value: str, found: str, expected: str) -> FleetError:
    return FleetError([Fault(str(options.files[0]), "area", value, found, expected)])


def open_forecaster(
    options: MarketOptions | None, fleet: Fleet, now_ms: int, *, lockstep: bool
) -> Forecaster | None:
    """The forecaster of a center; None without a history.

    Args:
        options: where its history is; None: there is none.
        fleet: the fleet.
        now_ms: plant time, ms.
        lockstep: whether its answers are taken in at stated plant times.

    Raises:
        FleetError: when the history cannot be used.
    """
    if options is None:
        return None
    base = open_market(options, now_ms)
    appraiser = None
    if options.decide:
        worths: WorthProcess = RoomProcess(WorthRoom, base)
        appraiser = Appraiser(fleet, worths, step_of(base), lockstep=lockstep)
    forecasts: ForecastProcess = RoomProcess(ForecastRoom, base)
    return Forecaster(fleet, forecasts, lockstep=lockstep, appraiser=appraiser)


def step_of(base: MarketBase) -> int:
    """Length of an interval of a history's finest prices, s."""
    return base.history.column(finest(base.history)).step_s


def prices_in(journal: Journal, fleet: Fleet) -> Iterator[Frame]:
    """The prices that earlier sessions of a center heard, from their journal."""
    topics = Topics(fleet.id)
    wanted = {topics.price(area.id) for area in fleet.areas}
    for record in journal.records():
        if record.kind is Kind.CYCLE:
            inbound, _ = record.frames()
            yield from (frame for frame in inbound if frame.topic in wanted)
