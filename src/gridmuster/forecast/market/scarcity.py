"""Persistent scarcity: how likely a price stays above a limit for some intervals in a row.

A run above the limit begins and goes on by chances of their own, each a logistic regression on what
was known at the issue: the published price of the interval, the time of day, how often and how far
the price was above of late, how long the run has lasted. Chains of these chances give the
probability of a run of any length in any window exactly, by a recursion over its intervals; a last
logistic step, learnt from how earlier statements came out, keeps them calibrated (Platt 1999).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.forecast.market.asking import REFERENCES
from gridmuster.forecast.market.history import Column, Floats, Ints, MarketHistory
from gridmuster.forecast.market.wallclock import MS_PER_DAY, wall_clock_of
from gridmuster.units import MS_PER_HOUR

#: Days of memory; days between two fits; most rows learnt from; statements for the last step.
MEMORY_DAYS = 730
REFIT_DAYS = 28
MOST_ROWS = 60_000
FEWEST_STATEMENTS = 300
#: Days of statements from which a chance that stands by learns its last step.
WATCH_DAYS = 180
#: Fading of the newest price and of the last hour's share with the lead, h.
FADE_H = (0.5, 2.0)
#: Ridge of the regressions, in rows.
RIDGE = 3.0
#: Ages of a run that go on alike from then on, intervals.
OLDEST = 12


@dataclass(frozen=True, slots=True)
class Scarcity:
    """What is asked.

    Args:
        column: real-time price.
        limit: the price that counts, in the column's unit.
        at_least: intervals in a row above it.
        within: intervals from the issue on in which they must lie.
    """

    column: str
    limit: float
    at_least: int
    within: int


@dataclass(frozen=True, slots=True)
class Chances:
    """Probabilities of persistent scarcity.

    Args:
        issue_ms: when each was stated, ms.
        probability: of a run within the window.
        usual: what the same local hour's share was until then: the baseline.
        happened: whether it came so, nan where that is not known.
    """

    issue_ms: Ints
    probability: Floats
    usual: Floats
    happened: Floats


class _Lookout:
    """What is known at issues about the intervals after them."""

    def __init__(self, history: MarketHistory, wish: Scarcity) -> None:
        self.history, self.wish = history, wish
        self.column: Column = history.column(wish.column)
        published = history.columns.get(REFERENCES["rt_price"])
        self.published = published if published is not None and published.ahead else None

    def now(self, issue_ms: Ints) -> tuple[Floats, Ints]:
        """What is known of the price at each issue, and the age of a run under way, intervals."""
        limit, step_ms = self.wish.limit, self.column.step_ms
        latest_ms = self.column.latest_ms(issue_ms)
        count = max(OLDEST, MS_PER_HOUR // step_ms)
        lags = np.arange(count, dtype=np.int64) * step_ms
        recent = self.column.gather(latest_ms[:, None] - lags, issue_ms[:, None])
        above = recent > limit
        age = np.where(above.all(axis=1), count, np.argmin(above, axis=1))
        hour = above[:, : max(1, MS_PER_HOUR // step_ms)].mean(axis=1)
        every = max(1, MS_PER_HOUR // step_ms // 4)
        span = np.arange(0, MS_PER_DAY // step_ms, every, dtype=np.int64) * step_ms
        day = (self.column.gather(latest_ms[:, None] - span, issue_ms[:, None]) > limit).mean(
            axis=1
        )
        newest = np.arcsinh(np.nan_to_num(recent[:, 0], nan=0.0) / limit)
        return np.column_stack([newest, hour, np.sqrt(day)]), age.astype(np.int64)

    def inputs(self, issue_ms: Ints, now: Floats, lead: Ints | int) -> Floats:
        """Regressors of the interval so many intervals after each issue."""
        start_ms = issue_ms + np.asarray(lead, np.int64) * self.column.step_ms
        lead_h = np.asarray(lead) * (self.column.step_ms / MS_PER_HOUR)
        wall = wall_clock_of(start_ms, self.history.zone)
        turn = 2.0 * np.pi * wall.minute / 1440.0
        parts = [
            np.ones(len(issue_ms)),
            now[:, 0] * np.exp(-lead_h / FADE_H[0]),
            now[:, 1] * np.exp(-lead_h / FADE_H[1]),
            now[:, 2],
            np.sin(turn),
            np.cos(turn),
            np.sin(2 * turn),
            np.cos(2 * turn),
        ]
        if self.published is not None:
            told = self.published.gather(start_ms, issue_ms)
            known = np.isfinite(told)
            ratio = np.arcsinh(np.where(known, told, 0.0) / self.wish.limit)
            parts += [known.astype(float), ratio, ratio**2]
        return np.column_stack(parts)

    def happened(self, issue_ms: Ints, as_known_ms: Ints) -> Floats:
        """Whether there was a run in the window of each issue; nan where not all is known."""
        steps = np.arange(self.wish.within, dtype=np.int64) * self.column.step_ms
        values = self.column.gather(issue_ms[:, None] + steps, np.asarray(as_known_ms)[..., None])
        above = values > self.wish.limit
        longest = np.zeros(len(issue_ms), np.int64)
        going = np.zeros(len(issue_ms), np.int64)
        for k in range(self.wish.within):
            going = np.where(above[:, k], going + 1, 0)
            longest = np.maximum(longest, going)
        known = np.isfinite(values).all(axis=1)
        return np.where(known, (longest >= self.wish.at_least).astype(float), np.nan)


def _age_parts(age: Ints) -> Floats:
    """Regressors of the age of a run."""
    capped = np.minimum(age, OLDEST)
    return np.column_stack([capped == 1, capped == 2, np.log(np.maximum(capped, 1))]).astype(float)


@dataclass(frozen=True, slots=True)
class _Chain:
    """Fitted chances that a run begins and goes on."""

    begin: Floats
    stay: Floats


def _fit(look: _Lookout, fit_ms: int) -> _Chain | None:
    """Learn from all transitions known at an instant."""
    column = look.column
    last_ms = int(column.latest_ms(np.array([fit_ms]))[0])
    first_ms = max(column.start_ms + MS_PER_DAY, fit_ms - MEMORY_DAYS * MS_PER_DAY)
    starts = np.arange(
        first_ms // column.step_ms * column.step_ms, last_ms, column.step_ms, dtype=np.int64
    )
    if len(starts) < 1000:
        return None
    # Scarcity is rare: all intervals next to it are kept, of the calm ones a fixed share.
    value = column.gather(starts, np.array(fit_ms))
    before = column.gather(starts - column.step_ms, np.array(fit_ms))
    good = np.isfinite(value) & np.isfinite(before)
    hot = good & ((before > look.wish.limit) | (value > look.wish.limit))
    stride = max(1, int(good.sum()) // MOST_ROWS)
    calm = good & ~hot & (np.arange(len(starts)) % stride == 0)
    keep = np.flatnonzero(hot | calm)
    share = np.where(hot[keep], 1.0, float(stride))
    # Each interval is looked at from one lead, in turn over the window.
    lead = 1 + (starts[keep] // column.step_ms * 7) % look.wish.within - 1
    issue_ms = starts[keep] - lead * column.step_ms
    now, _ = look.now(issue_ms)
    inputs = look.inputs(issue_ms, now, lead)
    lags = np.arange(1, OLDEST + 1, dtype=np.int64) * column.step_ms
    past = column.gather(starts[keep][:, None] - lags, np.array(fit_ms)) > look.wish.limit
    age = np.where(past.all(axis=1), OLDEST, np.argmin(past, axis=1))
    above = (value[keep] > look.wish.limit).astype(float)
    off, on = age == 0, age > 0
    if above[off].sum() < 5 or on.sum() < 20:
        return None
    begin = logistic(inputs[off], above[off], share[off])
    stay = logistic(np.hstack([inputs[on], _age_parts(age[on])]), above[on], share[on])
    return _Chain(begin, stay)


def logistic(inputs: Floats, outcome: Floats, weights: Floats) -> Floats:
    """Coefficients of a logistic regression with a ridge on all but the first, by Newton's steps.

    Args:
        inputs: ``(rows, p)``, the first column ones.
        outcome: 0 or 1.
        weights: of the rows.
    """
    count = inputs.shape[1]
    ridge = np.full(count, RIDGE)
    ridge[0] = 1e-6
    mean = float(np.clip(np.average(outcome, weights=weights), 1e-6, 1 - 1e-6))
    found = np.zeros(count)
    found[0] = np.log(mean / (1.0 - mean))
    for _ in range(25):
        chance = _sigmoid(inputs @ found)
        slope = inputs.T @ (weights * (outcome - chance)) - ridge * np.r_[0.0, found[1:]]
        bend = weights * np.maximum(chance * (1.0 - chance), 1e-9)
        step = np.linalg.solve((inputs * bend[:, None]).T @ inputs + np.diag(ridge), slope)
        # Far from the answer a full step of Newton's can overshoot.
        step *= min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        found = found + step
        if float(np.abs(step).max()) < 1e-8:
            break
    return found


def _sigmoid(value: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(value, -35.0, 35.0))))


def _chain(look: _Lookout, fitted: _Chain, issue_ms: Ints) -> Floats:
    """Probability of a run in the window of each issue, by recursion over its intervals."""
    now, age_now = look.now(issue_ms)
    rows, need = len(issue_ms), look.wish.at_least
    # running[:, j]: a run of j intervals, all in the window; old: the run under way at the issue.
    running = np.zeros((rows, need))
    old = (age_now > 0).astype(float)
    running[:, 0] = 1.0 - old
    done = np.zeros(rows)
    young = [_age_parts(np.array([age])) for age in range(1, need + 1)]
    for lead in range(look.wish.within):
        inputs = look.inputs(issue_ms, now, lead)
        begin = _sigmoid(inputs @ fitted.begin)
        base = inputs @ fitted.stay[: inputs.shape[1]]
        tail = fitted.stay[inputs.shape[1] :]
        fresh = np.zeros_like(running)
        fresh[:, 0] = running[:, 0] * (1.0 - begin)
        flow = running[:, 0] * begin
        for age in range(1, need):
            stay = _sigmoid(base + young[age - 1] @ tail)
            fresh[:, age] = flow
            flow = running[:, age] * stay
            fresh[:, 0] += running[:, age] * (1.0 - stay)
        done += flow
        stay = _sigmoid(base + _age_parts(age_now + lead) @ tail)
        fresh[:, 0] += old * (1.0 - stay)
        old = old * stay
        if lead + 1 == need:
            done += old
            old = np.zeros(rows)
        running = fresh
    return np.clip(done, 0.0, 1.0)


def chances(history: MarketHistory, wish: Scarcity, issues_ms: Ints) -> Chances:
    """State probabilities of persistent scarcity, learning on the way.

    Args:
        history: of an area.
        wish: what is asked.
        issues_ms: rising instants at which it is stated, on the column's grid, ms.

    Returns:
        Probabilities; not-a-number until enough was known.
    """
    look = _Lookout(history, wish)
    raw = np.full(len(issues_ms), np.nan)
    row = 0
    while row < len(issues_ms):
        fit_ms = int(issues_ms[row])
        end = int(np.searchsorted(issues_ms, fit_ms + REFIT_DAYS * MS_PER_DAY))
        fitted = _fit(look, fit_ms)
        if fitted is not None:
            raw[row:end] = _chain(look, fitted, issues_ms[row:end])
        row = end
    return Chances(
        issues_ms,
        _recalibrated(look, issues_ms, raw),
        _usual(look, issues_ms),
        look.happened(issues_ms, np.full(len(issues_ms), np.iinfo(np.int64).max - 1)),
    )


def _recalibrated(look: _Lookout, issues_ms: Ints, raw: Floats) -> Floats:
    """The last logistic step, learnt anew every few weeks from what had come out by then."""
    found = raw.copy()
    row = 0
    while row < len(issues_ms):
        at_ms = int(issues_ms[row])
        end = int(np.searchsorted(issues_ms, at_ms + REFIT_DAYS * MS_PER_DAY))
        past = np.flatnonzero(np.isfinite(raw[:row]))
        came = look.happened(issues_ms[past], np.full(len(past), at_ms))
        past, came = past[np.isfinite(came)], came[np.isfinite(came)]
        if len(past) >= FEWEST_STATEMENTS and 5 <= came.sum() <= len(came) - 5:
            fit = logistic(_logit(raw[past]), came, np.ones(len(came)))
            found[row:end] = _sigmoid(_logit(raw[row:end]) @ fit)
        row = end
    return found


@dataclass(frozen=True, slots=True)
class Watch:
    """Chances learnt once and told again and again.

    Args:
        wish: what is asked.
        chain: chances that a run begins and goes on.
        last: coefficients of the last logistic step; None: too little came out to learn it.
    """

    wish: Scarcity
    chain: _Chain
    last: Floats | None

    def chance(self, history: MarketHistory, issue_ms: int) -> float:
        """How likely it comes so, as told at an instant; the window begins with the next interval.

        Args:
            history: of the same area.
            issue_ms: the instant, ms.
        """
        look = _Lookout(history, self.wish)
        step_ms = look.column.step_ms
        begin = np.array([-(-issue_ms // step_ms) * step_ms], np.int64)
        raw = _chain(look, self.chain, begin)
        return float((raw if self.last is None else _sigmoid(_logit(raw) @ self.last))[0])


def learn_chance(history: MarketHistory, wish: Scarcity, issue_ms: int) -> Watch | None:
    """Learn the chances of persistent scarcity from all that was known by an instant.

    Args:
        history: of an area.
        wish: what is asked.
        issue_ms: the instant, ms.

    Returns:
        None when there was too little scarcity to learn from.
    """
    look = _Lookout(history, wish)
    chain = _fit(look, issue_ms)
    before = _fit(look, issue_ms - WATCH_DAYS * MS_PER_DAY)
    if chain is None:
        return None
    if before is None:
        return Watch(wish, chain, None)
    # Statements that the earlier chain had not learnt from.
    first = (issue_ms - WATCH_DAYS * MS_PER_DAY) // MS_PER_HOUR * MS_PER_HOUR
    hours = np.arange(first, issue_ms, MS_PER_HOUR, dtype=np.int64)
    came = look.happened(hours, np.full(len(hours), issue_ms))
    known = np.isfinite(came)
    hours, came = hours[known], came[known]
    if len(hours) < FEWEST_STATEMENTS or not 5 <= came.sum() <= len(came) - 5:
        return Watch(wish, chain, None)
    raw = _chain(look, before, hours)
    return Watch(wish, chain, logistic(_logit(raw), came, np.ones(len(came))))


def _logit(chance: Floats) -> Floats:
    clipped = np.clip(chance, 1e-6, 1.0 - 1e-6)
    return np.column_stack([np.ones(len(chance)), np.log(clipped / (1.0 - clipped))])


def _usual(look: _Lookout, issues_ms: Ints) -> Floats:
    """Share of windows with a run at the same local hour until each issue."""
    first = look.column.start_ms + (-look.column.start_ms) % MS_PER_HOUR
    hours = np.arange(first, int(issues_ms[-1]) + 1, MS_PER_HOUR, dtype=np.int64)
    came = look.happened(hours, np.full(len(hours), int(issues_ms[-1])))
    known = np.isfinite(came)
    hours, came = hours[known], came[known]
    steps = np.arange(look.wish.within, dtype=np.int64) * look.column.step_ms
    number, _ = look.column.index(hours[:, None] + steps)
    # Windows become known in order but for late rows: each counts once all before it do.
    known_ms = np.maximum.accumulate(look.column.known_ms[number].max(axis=1, initial=0))
    hour_of = wall_clock_of(hours, look.history.zone).hour
    wanted = wall_clock_of(issues_ms, look.history.zone).hour
    found = np.full(len(issues_ms), np.nan)
    for hour in range(24):
        mine = hour_of == hour
        until = np.searchsorted(known_ms[mine], issues_ms[wanted == hour], side="right")
        total = np.concatenate([[0.0], np.cumsum(came[mine])])
        found[wanted == hour] = (total[until] + 0.02) / (until + 1.0)
    return found
