import sys

from ashd.pdm.relay import relay

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python3 -m ashd.pdm.relay PATH")
    try:
        sys.exit(relay(sys.argv[1]))
    except (BrokenPipeError, ConnectionResetError):
        sys.exit(0)
