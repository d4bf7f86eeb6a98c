"""The benchmarks that stand watch: `python -m benchmarks [name …]`."""
