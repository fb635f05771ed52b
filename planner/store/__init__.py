"""The database: every plan and outcome, what was adopted, and the history that sources gave.

`tables` and `engine` know SQLAlchemy, `schema` knows Alembic; what leaves the package are the frozen values of
`records`. Import it late: SQLAlchemy takes a while, and `planner --help` needs none of it.
"""

from planner.store.control import Control
from planner.store.records import (
    BOOKS,
    Adoption,
    Attempt,
    AuditEntry,
    Event,
    Lease,
    NumberedEvent,
    Pause,
    Point,
    Proposal,
    Run,
    StoredPlan,
    Upgrade,
)
from planner.store.schema import upgrade
from planner.store.store import Store

__all__ = [
    "BOOKS",
    "Adoption",
    "Attempt",
    "AuditEntry",
    "Control",
    "Event",
    "Lease",
    "NumberedEvent",
    "Pause",
    "Point",
    "Proposal",
    "Run",
    "Store",
    "StoredPlan",
    "Upgrade",
    "upgrade",
]
