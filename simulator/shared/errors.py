"""The one exception for input that a person can mend. It is a ValueError: other code need not know of it."""


class InputError(ValueError):
    """One line: what was expected, what came, how to mend it. Commands print it and exit with code 2."""
