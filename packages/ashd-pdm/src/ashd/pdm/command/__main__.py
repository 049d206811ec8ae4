import sys

from ashd.pdm.command import main

if __name__ == "__main__":
    sys.exit(main())
