"""The center: one pure cycle that freezes, forecasts, plans, dispatches, checks and commands.

`core.Core.step(now_ms, inbox) -> Outbox` is all there is to run; everything it remembers is plain
data, so that a journal replayed gives the same commands and a checkpoint restores the state.
"""
