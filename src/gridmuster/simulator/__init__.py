"""The physical world: engines, stores, sun, wind, meters, the utility and its market, with faults.

Seeded and repeatable. Nothing here knows how the center decides; it is reached through controllers
that speak for themselves, like the real thing.
"""
