"""The pure core: no clock, no I/O, no async, no randomness, no logging. Time, chance, configuration come as values."""
