"""What every recording goes through before any method sees it.

prepare.py puts it together; artefacts.py finds frames and pixels that hold no data and fills them from their
neighbours, motion.py takes off what moves without being a motor unit, direction.py tells trains that are upside down.
"""
