"""The API's places: where areas and sites are, and one site in full."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Request
from msgspec import Struct
from starlette.responses import Response

from gridmuster.center.view import AlarmView, DeviceView, PlantView, SiteView
from gridmuster.console.access import SecuredRoute, needs
from gridmuster.console.auth import Role
from gridmuster.console.layout import Charts, Layout, PackedPlaces, Places
from gridmuster.console.plant import Plant
from gridmuster.console.problems import unknown_subject
from gridmuster.console.schema import answer
from gridmuster.console.sitestates import site_state
from gridmuster.signals import Supply

READ = needs(Role.VIEWER)

router = APIRouter(prefix="/api/v1/places", tags=["plant"], route_class=SecuredRoute)


class SitePicture(Struct, frozen=True):
    """One site now, with its devices and what is wrong with them.

    ``supply`` and ``heard_ms`` are known when they are out of the ordinary or when a device tells.
    """

    at_ms: int
    id: str
    name: str
    area: str
    area_name: str
    feeder: str
    owner: str
    time_zone: str
    longitude: float
    latitude: float
    state: str
    supply: str
    heard_ms: int | None
    backup_load_kw: float
    autonomy_h: float
    devices: list[DeviceView]
    alarms: list[AlarmView]


def charts_of(request: Request) -> Charts:
    """The application's places."""
    charts: Charts = request.app.state.charts
    return charts


async def packed_of(charts: Charts) -> PackedPlaces:
    """The present fleet's document; made in a thread when it is not at hand.

    Args:
        charts: of the application.
    """
    packed = charts.packed()
    if packed is None:
        layout = charts.layout()
        packed = await asyncio.to_thread(PackedPlaces, layout)
        charts.keep(layout, packed)
    return packed


@router.get(
    "",
    summary="Where areas and sites are",
    openapi_extra=READ,
    responses=answer(Places, 304),
)
async def places(
    request: Request,
    if_none_match: Annotated[str | None, Header(description="ETag already at hand")] = None,
) -> Response:
    """Borders, names and positions, by column; the same until the fleet is another one."""
    packed = await packed_of(charts_of(request))
    headers = {
        "ETag": packed.tag,
        "Cache-Control": "no-cache, private",
        "Vary": "Accept-Encoding",
    }
    if if_none_match is not None and packed.tag in map(str.strip, if_none_match.split(",")):
        return Response(status_code=304, headers=headers)
    content = packed.plain
    if "gzip" in request.headers.get("accept-encoding", ""):
        content = packed.packed
        headers["Content-Encoding"] = "gzip"
    return Response(content, headers=headers, media_type="application/json")


@router.get(
    "/{site}",
    summary="One site in full",
    openapi_extra=READ,
    responses=answer(SitePicture, 404),
)
async def place(request: Request, site: str) -> Response:
    """The site's state, supply, devices and alarms; 404 names the closest ids."""
    plant: Plant = request.app.state.plant
    layout = charts_of(request).layout()
    if site not in layout.index_of_site:
        raise unknown_subject("site", site, layout.site_ids)
    picture = site_picture(plant.view(), layout, site)
    return Response(msgspec.json.encode(picture), media_type="application/json")


def site_picture(view: PlantView, layout: Layout, site_id: str) -> SitePicture:
    """One site of a view.

    Args:
        view: the view.
        layout: of the fleet it shows.
        site_id: a site of that fleet.
    """
    fleet = layout.fleet
    assert fleet is not None
    site = fleet.site_by_id[site_id]
    devices = _devices(view, layout, site_id)
    note = next((note for note in view.sites if note.id == site_id), None)
    concerned = {site_id, *(device.id for device in devices)}
    return SitePicture(
        at_ms=view.at_ms,
        id=site.id,
        name=site.name or site.id,
        area=site.area,
        area_name=fleet.area_by_id[site.area].name or site.area,
        feeder=site.feeder or "",
        owner=site.owner,
        time_zone=site.time_zone,
        longitude=site.longitude,
        latitude=site.latitude,
        state=site_state(note, devices).word,
        supply=Supply.UTILITY.value if note is None else note.supply,
        heard_ms=_heard_ms(view, note, devices),
        backup_load_kw=site.backup_load_kw,
        autonomy_h=site.autonomy_h,
        devices=devices,
        alarms=[alarm for alarm in view.alarms if alarm.subject in concerned],
    )


def _devices(view: PlantView, layout: Layout, site_id: str) -> list[DeviceView]:
    """A site's devices: where the fleet has them when the view keeps its order, else by a look."""
    assert layout.fleet is not None
    found = []
    for device in layout.fleet.devices_of_site[site_id]:
        position = layout.position_of_device[device.id]
        if position >= len(view.devices) or view.devices[position].id != device.id:
            return [shown for shown in view.devices if shown.site == site_id]
        found.append(view.devices[position])
    return found


def _heard_ms(view: PlantView, note: SiteView | None, devices: list[DeviceView]) -> int | None:
    """When the site was last heard, ms; None when it never was, or nobody tells."""
    if note is not None:
        return note.heard_ms
    if not devices:
        return None
    return view.at_ms - round(min(device.age_s for device in devices) * 1000)
