"""`python -m trunkline`: the same as the command `trunkline`, or what its `up` starts."""

import sys

from trunkline.supervised import MARK

if __name__ == "__main__":
    if MARK in sys.argv:
        from trunkline.supervised import main

        main(sys.argv[1:])
    else:
        from trunkline.cli import main

        main()
