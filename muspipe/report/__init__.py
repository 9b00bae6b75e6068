"""One HTML page of results, to look at without a network."""
