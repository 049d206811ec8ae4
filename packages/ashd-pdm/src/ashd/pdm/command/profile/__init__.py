"""`ashd-pdm profile`: samples all threads inside the daemon and shows where time goes.

`_stacks.py` has the samples, the other modules write them.
"""
