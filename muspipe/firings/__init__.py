from muspipe.firings.maxima import find_firings, running_mean
