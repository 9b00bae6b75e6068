"""Everything that runs methods: the table of methods, `identify`, and the methods with networks.

method.py has the table; identify.py runs a method on a recording; deep.py and hybrid.py are methods. segment.py finds
territories with a network, signals.py twitch trains, windows.py fits recordings to networks. The methods without
networks are in muspipe/baselines.
"""
