"""What every package here needs and none owns: the one error, whole files, worker processes and their BLAS threads,
settings that describe themselves. Errors and settings are imported without NumPy."""
