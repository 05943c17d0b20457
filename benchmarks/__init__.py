"""Benchmarks. They print what they measured; no test asserts a time."""
