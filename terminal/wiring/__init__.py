"""The composition root: configuration in, running processes out.

The only place where drivers, bridges and simulators are chosen and handed to the processes.
Everything is imported late, so that a process pays only for what it uses.
"""
