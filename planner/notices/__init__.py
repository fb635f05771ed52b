"""Messages to people: what is worth one is noted with the records, and carried to webhooks from there.

alerts.Alert -> the records -> courier -> forms (JSON, DingTalk, Feishu) -> a webhook
"""

from __future__ import annotations

from planner.notices.alerts import Alert, Topic, note
from planner.notices.courier import Channel, Courier, channels_of
from planner.notices.message import Message

__all__ = ["Alert", "Channel", "Courier", "Message", "Topic", "channels_of", "note"]
