import sys

from ashd.wsgi._main import main

if __name__ == "__main__":
    sys.exit(main())
