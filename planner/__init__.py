"""planner: the capacity planner for GPU inference on Alibaba Cloud Function Compute."""

__version__ = "0.1.0"
