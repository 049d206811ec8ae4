import os
import sys

if __name__ == "__main__":
    if not sys.flags.safe_path and sys.path[0] == os.getcwd():  # noqa: PTH109
        del sys.path[0]  # which `python -m` has put there, but nobody has asked for (-p .)
    from ashd.wsgi._main import main

    sys.exit(main())
