"""Reads pickles from people who are not trusted: plain data, and nothing else unless a table of
names allows it.

`pickle.Unpickler` with its own `find_class` is not enough: extension codes get past it, BUILD sets
attributes of classes, a memo index makes it allocate gigabytes, a tuple that holds itself twice, 50
levels deep, takes for ever to hash, and one that is nested a million deep ends the process when it
is hashed. So this is a machine of its own (`_machine.py`), with the opcodes that plain data needs
and, for a client, those that name a class. The table of opcodes and the way they are written come
from `pickletools` (`_grammar.py`). All that is built is counted (`_budget.py`).

The functions touch nothing but their own data and may be called from any thread.
"""

from ._budget import Budget, PickleLimits
from ._machine import Builder, Built, Collection, Name, load

__all__ = ["Budget", "Builder", "Built", "Collection", "Name", "PickleLimits", "load"]
