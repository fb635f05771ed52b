"""A GPU inference function to plan for: text moderation behind HTTP, with a small torch LSTM.

It shares no code with the planner. Importing the package does not import torch: the server has to
listen before the framework is there.
"""
