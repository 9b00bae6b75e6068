"""Everything that runs methods: the table of methods, `identify`, and the methods with networks.

method.py has the table, identify.py runs a method on a recording. deep.py and hybrid.py are the methods with networks:
windows.py takes a network over recordings of any size, signals.py computes twitch trains of territories. The methods
without networks are in muspipe/baselines.
"""
