import sys

from ashd.htparser import main

if __name__ == "__main__":
    sys.exit(main())
