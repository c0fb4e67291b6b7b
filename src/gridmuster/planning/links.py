"""Links between areas: what is sent with losses, and the headroom that one area keeps for another.

    sent(l, t) <= limit,   what arrives = (1 - loss) sent

enter both areas' balances, one column each way. Headroom can be lent over what room is left,

    lent forth <= limit - forth + back

and counts for the borrower, less losses, instead of for the lender: each kW of headroom counts
once, in one area, although both areas' largest units are not lost at the same time. That is on the
safe side. Sending both ways at once only pays where energy is worth less than nothing; a binary
forbids it where a solution shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.planning.linear import INF, Floats, Ints, LinearModel
from gridmuster.planning.problem import PlanLink


@dataclass(frozen=True, slots=True)
class LinkColumns:
    """Columns of one link over the intervals: sent and lent, from its first area and back."""

    forth: Ints
    back: Ints
    lent: Ints
    lent_back: Ints


@dataclass(frozen=True, slots=True)
class LinkEnd:
    """A link as one of its areas sees it: columns of what comes in and goes out."""

    into: Ints
    out_of: Ints
    borrowed: Ints
    lent: Ints
    arrives: float
    most_kw: Floats


def ends(link: PlanLink, columns: LinkColumns) -> tuple[LinkEnd, LinkEnd]:
    """The link as seen by its first and by its second area."""
    arrives = 1.0 - link.loss_fraction
    forth_kw = np.asarray(link.limit_kw, dtype=float)
    back_kw = np.asarray(link.back_limit_kw, dtype=float)
    one, other = columns.forth, columns.back
    return (
        LinkEnd(other, one, columns.lent_back, columns.lent, arrives, back_kw),
        LinkEnd(one, other, columns.lent, columns.lent_back, arrives, forth_kw),
    )


def add_link(
    model: LinearModel,
    link: PlanLink,
    usd_per_kwh: float,
    balances: tuple[Ints, Ints],
    step_h: float,
) -> LinkColumns:
    """Columns of one link, put in the balance rows of its first and second area."""
    count = len(link.limit_kw)
    forth_kw = np.asarray(link.limit_kw, dtype=float)
    back_kw = np.asarray(link.back_limit_kw, dtype=float)
    forth = model.columns(count, 0.0, forth_kw, usd_per_kwh * step_h)
    back = model.columns(count, 0.0, back_kw, usd_per_kwh * step_h)
    lent = model.columns(count, 0.0, forth_kw + back_kw, 0.0)
    lent_back = model.columns(count, 0.0, forth_kw + back_kw, 0.0)
    columns = LinkColumns(forth, back, lent, lent_back)
    for end, rows in zip(ends(link, columns), balances, strict=True):
        add_inflow(model, end, rows, np.arange(count))
    for own, other, used, limit_kw in (
        (forth, back, lent, forth_kw),
        (back, forth, lent_back, back_kw),
    ):
        rows = model.rows(count, -INF, limit_kw)
        model.entries(rows, own, 1.0)
        model.entries(rows, other, -1.0)
        model.entries(rows, used, 1.0)
    return columns


def add_inflow(model: LinearModel, end: LinkEnd, rows: Ints, where: Ints) -> None:
    """Put what comes in, less what goes out, into the rows of some intervals."""
    model.entries(rows, end.into[where], end.arrives)
    model.entries(rows, end.out_of[where], -1.0)


def add_borrowed(model: LinearModel, end: LinkEnd, rows: Ints, where: Ints) -> None:
    """Put headroom borrowed, less headroom lent, into the rows of some intervals."""
    model.entries(rows, end.borrowed[where], end.arrives)
    model.entries(rows, end.lent[where], -1.0)


def forbid_circles(model: LinearModel, link: PlanLink, columns: LinkColumns, where: Ints) -> None:
    """Forbid sending both ways at once in some intervals: forth <= F y, back <= B (1 - y)."""
    forth_kw = np.asarray(link.limit_kw, dtype=float)[where]
    back_kw = np.asarray(link.back_limit_kw, dtype=float)[where]
    forwards = model.columns(len(where), 0.0, 1.0, 0.0, integer=True)
    rows = model.rows(len(where), -INF, 0.0)
    model.entries(rows, columns.forth[where], 1.0)
    model.entries(rows, forwards, -forth_kw)
    rows = model.rows(len(where), -INF, back_kw)
    model.entries(rows, columns.back[where], 1.0)
    model.entries(rows, forwards, back_kw)
