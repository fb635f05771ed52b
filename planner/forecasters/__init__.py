"""The families of forecasters, one a file; `planner.forecast` is the door to them."""
