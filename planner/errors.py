"""Everything that planner raises on purpose.

    PlannerError                 exit 1
    ├── InputError               exit 2   what the caller gave can't be used
    │   ├── HistoryError                  the concurrency history
    │   ├── ConfigError                   the configuration; lists every fault
    │   ├── PlanFileError                 an exported or stored plan
    │   └── DocumentError                 a provision config that FC would refuse
    ├── UnsafePlan               exit 3   lists every breach
    ├── StalePlan                exit 4   the world moved since the plan was made
    ├── FCError                  exit 5   Function Compute refused or can't be reached
    │   ├── FCUnreachable                 nothing, or nothing certain, came back
    │   ├── FCThrottled                   429, or a throttling code: ask again later
    │   ├── FCServerError                 5xx
    │   └── FCRefused                     any other 4xx: asking again won't help
    ├── SourceError              exit 5   where a history comes from refused or can't be reached
    │   └── SourceBusy                    asking again later may help
    └── StoreError               exit 1   the database

`EXIT_CODES` is the one table that maps them; the command line reads it and nothing else does.
"""

from __future__ import annotations


class PlannerError(Exception):
    """Something planner knows how to explain failed."""

    def __init__(self, message: str = "", *, remedy: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").splitlines()[0])
        self.remedy = remedy

    @property
    def message(self) -> str:
        """What is wrong and where, in one sentence."""
        return str(self.args[0])


class InputError(PlannerError):
    """The input can't be used."""


class HistoryError(InputError):
    """The concurrency history can't be used."""


class ConfigError(InputError):
    """The configuration can't be used."""

    def __init__(self, message: str = "", *, remedy: str = "", faults: tuple[str, ...] = ()) -> None:
        super().__init__(message, remedy=remedy)
        self.faults = faults


class PlanFileError(InputError):
    """The plan can't be read."""


class DocumentError(InputError):
    """Function Compute would refuse this provision config."""


class UnsafePlan(PlannerError):
    """The plan is unsafe."""

    def __init__(self, message: str = "", *, remedy: str = "", breaches: tuple[str, ...] = ()) -> None:
        super().__init__(message, remedy=remedy)
        self.breaches = breaches


class StalePlan(PlannerError):
    """The live document is not the one the plan was made against."""


class FCError(PlannerError):
    """Function Compute refused the request or can't be reached."""

    def __init__(
        self,
        message: str = "",
        *,
        remedy: str = "",
        code: str = "",
        status: int = 0,
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.code = code
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after
        """Seconds the server asked us to wait, where it said so."""


class FCUnreachable(FCError):
    """No answer came from Function Compute."""


class FCThrottled(FCError):
    """Function Compute throttled the request."""


class FCServerError(FCError):
    """Function Compute failed."""


class FCRefused(FCError):
    """Function Compute refused the request."""


class SourceError(PlannerError):
    """Where the history comes from refused or can't be reached."""


class SourceBusy(SourceError):
    """Where the history comes from is busy, failed or did not answer."""

    def __init__(self, message: str = "", *, remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after = retry_after
        """Seconds the server asked us to wait, where it said so."""


class StoreError(PlannerError):
    """The database can't be used."""


EXIT_CODES: tuple[tuple[type[PlannerError], int], ...] = (
    (InputError, 2),
    (UnsafePlan, 3),
    (StalePlan, 4),
    (FCError, 5),
    (SourceError, 5),
    (PlannerError, 1),
)
"""First match wins."""
