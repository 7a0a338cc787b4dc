"""Speed, measured: `python -m benchmarks` (see docs/developers/benchmarks.md). Never a test."""
