"""`python -m ntkbench`: the command line."""

import sys

from ntkbench.cli.main import main

# Worker processes import this module again.
if __name__ == "__main__":
    sys.exit(main())
