"""`gridmuster center`: run the control center."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridmuster.cli.clock_option import ClockOption, parse_clock

if TYPE_CHECKING:
    from gridmuster.runtime.market import MarketOptions
    from gridmuster.runtime.serve_center import CenterOptions

app = typer.Typer()

OidcOption = Annotated[
    Path | None, typer.Option(help="sign-in with the company's account: its settings (YAML)")
]
NoticesOption = Annotated[
    Path | None, typer.Option(help="where alarms are told: webhooks and e-mail (YAML)")
]
HistoryOption = Annotated[
    list[Path] | None,
    typer.Option(help="past prices to forecast from (Parquet, CSV); may be given again"),
]
MappingOption = Annotated[
    str, typer.Option(help="how they are read: a file or a preset; else found by columns")
]
AreaOption = Annotated[str, typer.Option(help="the market's area the fleet is in")]
ScarcityOption = Annotated[
    float, typer.Option(help="price that counts as scarcity, USD/MWh", min=1.0)
]

DecideOption = Annotated[
    bool,
    typer.Option(
        "--price-decisions/--plan-decisions",
        help="let stores and engines act on what the past prices teach, not on plans alone",
    ),
]


def _market(
    files: list[Path] | None,
    mapping: str,
    area: str,
    shift_ms: int,
    scarce: float,
    decide: bool,
) -> MarketOptions | None:
    """The history to forecast from; None: none was given."""
    from gridmuster.runtime.market import MarketOptions

    if not files:
        return None
    return MarketOptions(tuple(files), mapping, area, shift_ms, scarce, decide)


def _announce(options: CenterOptions, url: str) -> None:
    """Say where the center answers, and what of its fleet it does without."""
    from gridmuster.console.invite import page_hint
    from gridmuster.fleet.ties import unused_links

    typer.echo(f"center {options.center_id} answers on {url}; tokens in {options.tokens}")
    typer.echo(page_hint(url, options.tokens))
    if words := unused_links(options.fleet.links):
        typer.echo(words, err=True)


@app.command("center")
def center(
    fleet: Annotated[Path, typer.Option(help="fleet file (YAML, JSON)")],
    broker: Annotated[
        str, typer.Option(envvar="GRIDMUSTER_BROKER", help="broker URL, mqtt:// or mqtts://")
    ],
    journal: Annotated[str, typer.Option(help="journal: a path, or sqlite:///path")],
    center_id: Annotated[
        str, typer.Option("--id", help="name of this center; default: host name")
    ] = "",
    cycle: Annotated[float, typer.Option(help="seconds between two cycles", min=0.5)] = 4.0,
    api_host: Annotated[str, typer.Option(help="address of the API")] = "127.0.0.1",
    api_port: Annotated[int, typer.Option(help="port of the API; 0 takes a free one")] = 8420,
    tokens: Annotated[Path | None, typer.Option(help="folder of the API's tokens")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="certificate of the API, PEM")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="private key of the API, PEM")] = None,
    oidc: OidcOption = None,
    notices: NoticesOption = None,
    market_history: HistoryOption = None,
    market_mapping: MappingOption = "",
    market_area: AreaOption = "",
    scarcity: ScarcityOption = 200.0,
    decide: DecideOption = False,
    shift_ms: Annotated[int, typer.Option("--market-shift-ms", hidden=True)] = 0,
    api_url_file: Annotated[Path | None, typer.Option(hidden=True)] = None,
    clock: ClockOption = "",
) -> None:
    """Run the control center until it is stopped with Ctrl-C."""
    from gridmuster.center.config import CenterConfig
    from gridmuster.console.auth import default_folder
    from gridmuster.console.doors import Entry
    from gridmuster.console.notices.settings import load_notices
    from gridmuster.console.oidc import Oidc
    from gridmuster.console.oidc_settings import load_oidc
    from gridmuster.console.server import Tls
    from gridmuster.fleet.load import load_fleet
    from gridmuster.runtime.center import LiveCenter
    from gridmuster.runtime.serve_center import CenterOptions, run_center

    plant_clock = parse_clock(clock)
    speed = plant_clock.speed
    # A message takes the same real time at every speed, and so more plant time.
    config = CenterConfig(
        cycle_s=cycle, ack_timeout_s=max(12.0, 2.0 * speed), link_allowance_s=2.0 + 0.5 * speed
    )
    if (tls_cert is None) != (tls_key is None):
        raise typer.BadParameter("--tls-cert and --tls-key go together")
    options = CenterOptions(
        fleet=load_fleet(fleet),
        broker_url=broker,
        journal_url=journal,
        center_id=center_id or f"center-{socket.gethostname().split('.')[0]}",
        clock=plant_clock,
        config=config,
        tokens=tokens or default_folder(),
        api_host=api_host,
        api_port=api_port,
        speed=speed,
        tls=None if tls_cert is None or tls_key is None else Tls(tls_cert, tls_key),
        entry=Entry(oidc=None if oidc is None else Oidc(load_oidc(oidc))),
        notices=None if notices is None else load_notices(notices),
        market=_market(market_history, market_mapping, market_area, shift_ms, scarcity, decide),
    )

    def ready(center: LiveCenter, url: str) -> None:
        _announce(options, url)
        if api_url_file is not None:
            api_url_file.write_text(url)

    asyncio.run(run_center(options, ready))
