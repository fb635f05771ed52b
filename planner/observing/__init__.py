"""What is seen of the daemon from outside: its metrics, whether it lives, whether it is ready, over HTTP."""

from planner.observing.listening import Address, address_of, token_of
from planner.observing.observer import Observer
from planner.observing.web import serving

__all__ = ["Address", "Observer", "address_of", "serving", "token_of"]
