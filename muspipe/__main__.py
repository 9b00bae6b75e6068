"""`python -m muspipe` is the command `muspipe`."""

import sys

from muspipe.cli import main

if __name__ == "__main__":
    sys.exit(main())
