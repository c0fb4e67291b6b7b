"""Reliability: the odds that what is there covers what is needed, with proven bounds.

`outages` describes units that may fail, `lattice` puts them on a grid of outage steps, `table` is
the capacity outage probability table, `transform` does the same for thousands of units by Fourier
inversion, `assess` picks between them, `survival` follows backup sets through an outage, and
`commit` chooses the units that meet a target probability at least cost.
"""
