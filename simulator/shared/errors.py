"""The one exception for input that a person can mend; a ValueError, so that plain Python code need not know of it."""


class InputError(ValueError):
    """What was expected, what came, how to mend it, in one line. Commands print it and exit with code 2."""
