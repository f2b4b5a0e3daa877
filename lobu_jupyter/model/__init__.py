"""Pure values of the runtime: no I/O, no clock, no Jupyter; imports nothing else of ours."""
