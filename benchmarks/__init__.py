"""Benchmarks: how fast Gridmuster is, measured."""
