"""The fleet: areas, sites, end-users and devices as frozen, validated objects.

`model` says what a fleet is, `devices` what each of the nine device types is, `load` reads it from
YAML, CSV and Parquet with one error per fault, `generate` makes a realistic one from a seed.
"""
