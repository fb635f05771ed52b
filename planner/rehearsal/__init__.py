"""A rehearsal with real requests: which part of a trace, when requests are sent, and what became of them.

The instances and the Function Compute they live on are not here: the command line starts them, and `generator` speaks
HTTP.
"""
