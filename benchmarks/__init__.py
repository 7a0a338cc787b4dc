"""Speed, measured: `python -m benchmarks` (see docs/benchmarks.md). Never a test."""
