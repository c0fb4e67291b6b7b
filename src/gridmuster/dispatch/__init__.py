"""Real-time decisions inside the plan: who must be on now, and the power of everything that is.

`offers` turns devices into cost curves with the windows they can move in, `economic` finds the
cheapest powers that balance an area, `commitment` follows the plan's on/off decisions, starts the
next set in merit when need exceeds what is on, and replaces what failed.
"""
