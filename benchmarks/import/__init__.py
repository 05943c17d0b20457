"""How fast, how large and how evenly the import works: `python -m benchmarks.import`."""
