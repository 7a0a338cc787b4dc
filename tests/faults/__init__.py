"""Faults made on purpose: real processes, real signals. A handful here; more by ``python -m benchmarks faults``."""
