"""What energy and run-hours are worth: decisions on a price that is not known in full.

`prices` lays a market's history out by interval and says what was known at each decision; `inputs`
makes of it what models learn from; `learning` fits the value of stored energy, `storechoice` acts
on it; `engine` does the same for starts, run-hours and fuel; `backtest` replays the past through
the same choices. Everything here is pure: histories in, choices with their reasons out.
"""
