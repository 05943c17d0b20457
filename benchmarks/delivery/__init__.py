"""How fast messages leave, compared with what one would write without this product. See benchmarks/README.md."""
