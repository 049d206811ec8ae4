"""`ashd-pdm profile`: samples all threads inside the daemon and shows where time goes."""
