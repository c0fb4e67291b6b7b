"""`python -m benchmarks [NAME ...] [--json] [--write FILE]`: every bound the project promises."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks import (
    adequacy,
    cases,
    console,
    day,
    decomposition,
    dispatch,
    live,
    market,
    peaks,
    plan,
    price_decision,
    scaling,
    year,
)
from benchmarks.rows import Benchmark, Row, as_dicts, machine, table, write_page


def _plans() -> list[Row]:
    rows = []
    for found in plan.run():
        median_s = float(str(found["median_s"]))
        note = f"p90 {float(str(found['p90_s'])):.2f} s, worst {float(str(found['worst_s'])):.2f} s"
        rows.append(Row(f"{found['benchmark']}: median", median_s, "s", 5.0, note=note))
    return rows


BENCHMARKS: dict[str, Benchmark] = {
    "plan": _plans,
    "adequacy": adequacy.run,
    **cases.PARTS,
    "decomposition": decomposition.run,
    "scaling": scaling.run,
    "dispatch": dispatch.run,
    "day": day.run,
    "day-ahead-price": market.days_ahead,
    "real-time-price": market.real_time,
    "stores-on-price": price_decision.stores,
    "stores-five-minutes-late": price_decision.late,
    "engines-on-price": price_decision.engines,
    "hybrids-on-price": price_decision.hybrids,
    "sites-on-price": price_decision.sites,
    "peaks": peaks.run,
    "live": live.keep_up,
    "latency": live.latency,
    "console": console.run,
    "year": year.run,
}

#: Those that take minutes each, run only when named.
LONG: dict[str, Benchmark] = {"decomposition-large": decomposition.run_large}
NAMES = f"which: {', '.join(BENCHMARKS)} (default: all these), {', '.join(LONG)}"


def main() -> int:
    """Run the benchmarks asked for; 1 when a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=NAMES)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--write", type=Path, help="write the page of figures here")
    parser.add_argument("--sites", type=int, default=year.SITES, help="towers of `year`")
    parser.add_argument("--days", type=float, default=year.DAYS, help="length of `year`")
    arguments = parser.parse_args()
    chosen: dict[str, Benchmark] = {**BENCHMARKS, **LONG}
    chosen["year"] = lambda: year.run(arguments.sites, arguments.days)
    unknown = [name for name in arguments.names if name not in chosen]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(chosen)}")
    found: dict[str, list[Row]] = {}
    for name in arguments.names or BENCHMARKS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        found[name] = chosen[name]()
        if arguments.write is not None:
            write_page(arguments.write, {name: found[name]}, "python3 dev.py bench")
    rows = [row for part in found.values() for row in part]
    if arguments.json:
        print(json.dumps({"machine": machine(), "rows": as_dicts(rows)}, indent=1))
    else:
        print(machine())
        print(table(rows))
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
