"""Pure functions over domain values: the mathematics of exposure, bands, sizing and margin."""
