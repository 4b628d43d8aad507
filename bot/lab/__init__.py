"""Where engine and simulated exchange meet in one place: experiments, benchmarks, acceptance."""
