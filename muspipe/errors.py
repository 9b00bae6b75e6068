"""`muspipe.errors.InputError`: what every function here raises for input that a person can mend."""

from simulator.shared.errors import InputError

__all__ = ["InputError", "one_line"]


def one_line(error: BaseException) -> str | None:
    """What to tell users about an error that they can mend; None for a bug, which keeps its traceback."""
    if isinstance(error, KeyboardInterrupt):
        text = "interrupted"
    elif isinstance(error, InputError):
        text = str(error)
    elif isinstance(error, OSError):
        text = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
    elif isinstance(error, MemoryError):
        text = f"not enough memory: {error}" if str(error) else "not enough memory"
    else:
        return None
    return " ".join(text.split())
