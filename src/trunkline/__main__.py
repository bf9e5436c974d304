"""`python -m trunkline`: the same as the command `trunkline`, or what its `up` starts."""

import sys

from trunkline import supervised

if __name__ == "__main__":
    if supervised.MARK in sys.argv:
        supervised.main(sys.argv[1:])
    else:
        from trunkline.cli import main

        main()
