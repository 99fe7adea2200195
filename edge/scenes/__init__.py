"""Makes moving pictures whose faces are known: for the demo, the tests and the benchmarks."""
