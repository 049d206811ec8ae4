"""Run an application behind several servers, and compare what its clients get.

`python tests/compatibility` does so for all applications of `tests/compatibility/applications`.
Each one is a module with

- `NAME` and `DISTRIBUTION`: what it is, and what `pip` calls it;
- `make()`, which returns the WSGI application, called in the server's process;
- `visit(visitor)`, which is run against each server, and sends the requests;
- `prepare(state)`, if there is something to be made before any server starts, in a folder that is
  restored for each server;
- `VARIES`, patterns of what differs from one run to the next (tokens, dates);
- `PROGRAMS`, the commands that it needs;
- `SHARED`, False if the application keeps state in memory, so that two workers would differ.
"""
