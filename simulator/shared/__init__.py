"""What every package here needs and no one owns: the one error, whole files, worker processes."""
