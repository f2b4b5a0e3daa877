"""Pure values of the runtime: no I/O, no clock, no Jupyter, no imports of our other packages."""
