"""The only place that wires parts together: center, gateways, twins, broker, journal, API.

`recorder` steps the core and journals before anything is sent; `center` runs it live on asyncio,
`lockstep` under one virtual clock; `replay` proves that a journal gives the same commands again.
"""
