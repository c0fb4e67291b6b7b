"""What sites and areas need, against what they have: backup, fuel kept, export, a way to supply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gridmuster.errors import Fault
from gridmuster.fleet.autonomy import forming, held_h
from gridmuster.fleet.book import Book
from gridmuster.fleet.devices import Device, Generator, Store
from gridmuster.fleet.model import Area, Site
from gridmuster.fleet.place import Place
from gridmuster.fleet.profiles import hourly_demand_kw
from gridmuster.units import SECONDS_PER_HOUR, Fuel


def faults(book: Book) -> Iterator[Fault]:
    """All faults of this kind."""
    for site, place in book.sites:
        if book.whole(site):
            devices = [entry.part for entry in book.devices_of.get(site.id, ())]
            yield from export_limit(site, place, devices)
            yield from backup(site, place, devices)
    for area, place in book.areas:
        if book.whole_area(area):
            yield from supply(area, place, book)


def warnings(book: Book) -> Iterator[Fault]:
    """All warnings of this kind."""
    for site, place in book.sites:
        if book.whole(site):
            devices = [entry.part for entry in book.devices_of.get(site.id, ())]
            yield from idle_export(site, place, devices)
            yield from protected_load(site, place, book)
            yield from fuel_kept(site, place, devices)
            yield from bridge(site, place, devices)
    yield from wet_stacking(book)
    for area, place in book.areas:
        if book.whole_area(area):
            yield from adequacy(area, place, book)
            yield from nobody(area, place, book)


def export_limit(site: Site, place: Place, devices: Sequence[Device]) -> Iterator[Fault]:
    """An export limit where nothing can export: engines behind a transfer switch never do."""
    limit_kw = site.transfer.export_limit_kw
    if limit_kw <= 0.0 or site.transfer.engine_may_export:
        return
    if all(isinstance(device, Generator) for device in devices):
        yield place.fault(
            "transfer",
            "export_limit_kw",
            value=f"{limit_kw:g} kW",
            limit=f"a {site.transfer.kind.replace('_', ' ')} lets engines carry only their site",
            expected="0, or kind soft_load or paralleling",
        )


def backup(site: Site, place: Place, devices: Sequence[Device]) -> Iterator[Fault]:
    """A protected load without a source that can carry it, or not for as long as promised."""
    load_kw = site.backup_load_kw
    if load_kw <= 0.0:
        return
    sets, stores = forming(devices)
    if not sets and not stores and site.bridge_energy_kwh <= 0.0:
        yield place.fault(
            "backup_load_kw",
            value=f"{load_kw:g} kW",
            limit="nothing at the site can carry its protected load",
            expected="a grid-forming device at the site, a bridging battery, or 0",
        )
        return
    power_kw = sum(device.rated_kw for device in (*sets, *stores))
    if 0.0 < power_kw < load_kw:
        yield place.fault(
            "backup_load_kw",
            value=f"{load_kw:g} kW",
            limit=f"the site's own sources give {power_kw:g} kW together",
            expected=f"at most {power_kw:g}",
        )
        return
    most_h = held_h(site, devices, full=True)
    if site.autonomy_h > most_h:
        yield place.fault(
            "autonomy_h",
            value=f"{site.autonomy_h:g} h",
            limit=f"what is kept above the sump, when full, carries {load_kw:g} kW "
            f"for {most_h:.3g} h",
            expected=f"at most {most_h:.3g}, or a larger tank",
        )


def supply(area: Area, place: Place, book: Book) -> Iterator[Fault]:
    """An islanded area that nothing holds up, or end-users that nothing can supply."""
    devices = book.devices_in(area.id)
    if area.connection is None:
        if not any(forming(devices)):
            yield place.fault(
                "connection",
                value="no connection, so an island",
                limit="an islanded area needs a grid-forming device",
                expected="a connection, or a device with grid_forming: true at one of its sites",
            )
    elif area.connection.import_limit_kw <= 0.0 and not devices and book.end_users_in(area.id):
        yield place.fault(
            "connection",
            "import_limit_kw",
            value="0 kW",
            limit="the area has end-users and no device that could supply them",
            expected="an import limit above 0, or devices",
        )


def idle_export(site: Site, place: Place, devices: Sequence[Device]) -> Iterator[Fault]:
    """A warning for paralleling gear without an export limit, or a limit nothing can reach."""
    limit_kw = site.transfer.export_limit_kw
    rated_kw = sum(device.rated_kw for device in devices)
    if site.transfer.engine_may_export and limit_kw <= 0.0 and devices:
        yield place.fault(
            "transfer",
            "export_limit_kw",
            value="0 kW",
            limit=f"the {site.transfer.kind.replace('_', ' ')} gear can never send out anything",
            expected=f"up to the {rated_kw:g} kW that are there",
        )


def protected_load(site: Site, place: Place, book: Book) -> Iterator[Fault]:
    """A warning when the end-users behind the transfer need more than the site is designed for."""
    users = [entry.part for entry in book.end_users_of.get(site.id, ())]
    behind_kw = sum(user.peak_kw for user in users if user.behind_transfer)
    if behind_kw > 1.05 * site.backup_load_kw:
        yield place.fault(
            "backup_load_kw",
            value=f"{site.backup_load_kw:g} kW",
            limit=f"the end-users behind the transfer peak at {behind_kw:g} kW",
            expected=f"about {behind_kw:g}",
        )


def fuel_kept(site: Site, place: Place, devices: Sequence[Device]) -> Iterator[Fault]:
    """A warning when the tanks are too low now for the promise, which a refill would hold."""
    if site.autonomy_h <= 0.0:
        return
    if site.backup_load_kw <= 0.0:
        yield place.fault(
            "autonomy_h",
            value=f"{site.autonomy_h:g} h",
            limit="there is no protected load to promise it to",
            expected="a backup_load_kw above 0, or 0",
        )
        return
    now_h = held_h(site, devices, full=False)
    if now_h < site.autonomy_h <= held_h(site, devices, full=True):
        yield place.fault(
            "autonomy_h",
            value=f"{site.autonomy_h:g} h",
            limit=f"the fuel in the tanks now lasts {now_h:.3g} h; nothing is sold until it is "
            "filled up",
            expected="a fuller tank",
        )


def bridge(site: Site, place: Place, devices: Sequence[Device]) -> Iterator[Fault]:
    """A warning when the bridging battery is empty before the quickest set has started."""
    sets, stores = forming(devices)
    if not sets or stores or site.bridge_energy_kwh <= 0.0 or site.backup_load_kw <= 0.0:
        return
    lasts_s = site.bridge_energy_kwh / site.backup_load_kw * SECONDS_PER_HOUR
    quickest_s = min(device.start_s for device in sets)
    if lasts_s < quickest_s:
        yield place.fault(
            "bridge_energy_kwh",
            value=f"{site.bridge_energy_kwh:g} kWh",
            limit=f"it lasts {lasts_s:.0f} s and the quickest set starts in {quickest_s:g} s",
            expected=f"at least {quickest_s * site.backup_load_kw / SECONDS_PER_HOUR:.2g}",
        )


def wet_stacking(book: Book) -> Iterator[Fault]:
    """A warning for diesels whose own site's load is below their least sustained load.

    They cannot do anything else behind a transfer switch, so each hour fouls them (`domain.md`,
    fact 3).
    """
    for device, place in book.devices:
        site = book.site_by_id.get(device.site)
        if site is None or site.transfer.engine_may_export or site.backup_load_kw <= 0.0:
            continue
        if isinstance(device, Generator) and device.fuel is Fuel.DIESEL:
            share = site.backup_load_kw / device.rated_kw
            if share < device.min_load_fraction:
                yield place.fault(
                    "rated_kw",
                    value=f"{device.rated_kw:g} kW for a load of {site.backup_load_kw:g} kW",
                    limit=f"{100.0 * share:.0f} % load is below the wet-stacking line of "
                    f"{100.0 * device.min_load_fraction:.0f} %",
                    expected="a smaller set, a load bank, or paralleling",
                )


def nobody(area: Area, place: Place, book: Book) -> Iterator[Fault]:
    """A warning for an area without a site: it may be filled later, and can call nobody now."""
    if any(site.area == area.id for site, _ in book.sites):
        return
    calls = "; its programs can call nobody" if area.programs.all else ""
    yield place.fault(
        "id",
        value=area.id,
        limit=f"no site is in this area, so nothing can be activated in it{calls}",
        expected="a site with this area, or no such area",
    )


def adequacy(area: Area, place: Place, book: Book) -> Iterator[Fault]:
    """A warning when a typical day's peak is above import and everything that can be called."""
    users = book.end_users_in(area.id)
    if not users:
        return
    peak_kw = max(hourly_demand_kw(users)) * (1.0 + area.loss_fraction)
    import_kw = area.connection.import_limit_kw if area.connection is not None else 0.0
    own_kw = sum(
        device.rated_kw
        for device in book.devices_in(area.id)
        if isinstance(device, Generator | Store)
    )
    if peak_kw > import_kw + own_kw:
        yield place.fault(
            *(
                ("connection", "import_limit_kw")
                if area.connection is not None
                else ("connection",)
            ),
            value=f"{import_kw:g} kW",
            limit=f"a typical day peaks at {peak_kw:.0f} kW, and the area's own generators and "
            f"stores give {own_kw:g} kW",
            expected=f"at least {peak_kw - own_kw:.0f}, or more devices",
        )
