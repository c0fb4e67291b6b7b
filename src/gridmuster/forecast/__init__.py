"""Forecasts: what has been seen -> quantiles for each interval to come, without looking ahead.

`similar_day` for demand, `solar` and `wind` for renewables, `price` for prices. Each keeps its
memory in plain structures that can be stored and put back, takes observations one at a time, and
never reads anything later than what it was given.
"""
