"""The fleet: areas, sites, end-users and devices as frozen, validated objects.

`model` says what a fleet is, `devices` what each of the nine device types is. `load` reads it from
YAML, JSON, CSV and Parquet (`document`, `tables`) with one error for each fault (`words` for single
fields, `check` and `rules` for what spans more), `save` writes it, `schema` exports its JSON
Schema and `reference` its tables of fields. `generate` makes a realistic one from a seed, out of
`quarter`, `catalog`, `borders`, `curves` and `profiles`. `summary` counts and adds it up.
"""
