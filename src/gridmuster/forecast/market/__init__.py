"""Market data and forecasts of price, demand, sun and wind from long histories.

`history` holds what a market published and when; nothing here reads a value before its time.
`mapping` and `sorting` turn rows of a file into it; `asking` says which intervals are forecast
and when; `dayahead`, `direct` and `baselines` forecast; `calibration` opens the bands;
`verb` is the one way in; `metrics`, `backtest` and `leak` judge.
"""
