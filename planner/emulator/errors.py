"""Errors of the emulated service: code, message, status, and the one place that writes them out.

ApiError
├── InvalidArgument          400  a field is wrong; the text begins with the field's fault
├── InstanceMetricsRequired  400  tracking needs logConfig.enableInstanceMetrics
├── MissingRequiredHeader    400  a header of the signature
├── SignatureExpired         400  `InvalidTimeStamp.Expired`: a date too far from the machine's
├── InvalidAccessKeyID       403
├── SignatureNotMatch        403
├── FunctionNotFound         404
├── AliasNotFound            404
├── ProvisionConfigNotFound  404  only behind the switch `missing_config`
├── ScalingConfigNotFound    404  the same of the other kind
├── FunctionAlreadyExists    409
├── AliasAlreadyExists       409
├── FunctionNotEmpty         409  a function with aliases, behind the switch `function_with_aliases`
├── ProvisionConfigExist         409  in the way of a scaling config or a delete
├── ResidentScalingConfigExists  409  in the way of a provision config or a delete
├── MissingParameter         400  Cloud Monitor: a parameter that is required
├── ParameterInvalid         400  Cloud Monitor: a parameter is wrong
├── ResourceNotFound         404  Cloud Monitor: no such namespace
├── ActionNotFound           404  the gateway of Cloud Monitor: no such action
├── ThrottledUser            400  Cloud Monitor: too many calls in a second
├── PathNotSupported         404  a path of the API with a method that it does not have
├── InternalServerError      500  the emulator's own fault, whatever it is
├── NotCovered               501  the emulator's own: a route that it does not have
└── Injected                  *   ordered by a fault

Codes and statuses: https://help.aliyun.com/zh/functioncompute/api-fc-2023-03-30-errorcodes. Those
of a config in the way are what Serverless Devs fc3 tests for (src/resources/fc/error-code.ts); their
statuses and texts are not public: 409, as for other things that exist, is the emulator's choice.
"""

from typing import ClassVar


class ApiError(Exception):
    """An answer of the service that is not a success."""

    status: ClassVar[int] = 400

    def __init__(self, message: str) -> None:
        """Keep the text; the code is the class name, as the service names its errors."""
        super().__init__(message)
        self.message = message

    @property
    def code(self) -> str:
        """The `Code` of the body."""
        return type(self).__name__

    @property
    def http_status(self) -> int:
        """The HTTP status of the answer."""
        return self.status


class InvalidArgument(ApiError):
    """A field of the request is wrong."""


class InstanceMetricsRequired(ApiError):
    """A put with tracking policies for a function whose instance metrics are off."""

    def __init__(self) -> None:
        """Carry the text of the vendor's error page."""
        super().__init__("Target tracking policy required instance metrics enabled.")


class MissingRequiredHeader(ApiError):
    """A request without a header that a signature needs."""

    def __init__(self, name: str) -> None:
        """Carry the text of the vendor's error page."""
        super().__init__(f"required HTTP header {name} was not specified")


class SignatureExpired(ApiError):
    """A request that was signed too long ago, or too far ahead."""

    def __init__(self) -> None:
        """Carry the text of the OpenAPI gateway; what FC answers is not public."""
        super().__init__("Specified time stamp or date value is expired.")

    @property
    def code(self) -> str:
        """The `Code` of the body."""
        return "InvalidTimeStamp.Expired"


class InvalidAccessKeyID(ApiError):
    """A request signed with a key that does not exist."""

    status = 403

    def __init__(self, key: str) -> None:
        """Carry the text of the vendor's error page."""
        super().__init__(f"invalid access key ID '{key}'")


class SignatureNotMatch(ApiError):
    """A request that is not what was signed, or was signed with another secret."""

    status = 403

    def __init__(self) -> None:
        """Carry the text of the vendor's error page."""
        super().__init__(
            "The request signature we calculated does not match the signature you provided. "
            "Check your access key and signing method"
        )


class FunctionNotFound(ApiError):
    """No such function."""

    status = 404

    def __init__(self, name: str) -> None:
        """Carry the text of the vendor's error page."""
        super().__init__(f"function '{name}' does not exist.")


class AliasNotFound(ApiError):
    """No such alias of the function."""

    status = 404

    def __init__(self, name: str, qualifier: str) -> None:
        """Name the alias; the service's own text is not public."""
        super().__init__(f"alias '{qualifier}' of function '{name}' does not exist.")


class FunctionAlreadyExists(ApiError):
    """The name is taken."""

    status = 409

    def __init__(self, name: str) -> None:
        """Name the function; the service's own text is not public."""
        super().__init__(f"function '{name}' already exists.")


class AliasAlreadyExists(ApiError):
    """The name is taken in this function."""

    status = 409

    def __init__(self, name: str, alias: str) -> None:
        """Name the alias; the service's own text is not public."""
        super().__init__(f"alias '{alias}' of function '{name}' already exists.")


class FunctionNotEmpty(ApiError):
    """A function that still has aliases cannot be deleted."""

    status = 409

    def __init__(self, name: str) -> None:
        """Name the function; the service's own text is not public."""
        super().__init__(f"function '{name}' still has aliases.")


class ProvisionConfigNotFound(ApiError):
    """Nothing is set for this function and qualifier."""

    status = 404

    def __init__(self, name: str, qualifier: str) -> None:
        """Name the function and qualifier; the service's own text is not public."""
        super().__init__(f"provision config of '{name}/{qualifier}' does not exist.")


class ScalingConfigNotFound(ApiError):
    """Nothing is set for this function and qualifier."""

    status = 404

    def __init__(self, name: str, qualifier: str) -> None:
        """Name the function and qualifier; the service's own text is not public."""
        super().__init__(f"scaling config of '{name}/{qualifier}' does not exist.")


class ProvisionConfigExist(ApiError):
    """A provision config is in the way."""

    status = 409

    def __init__(self, name: str, qualifier: str) -> None:
        """Name the config; the service's own text is not public."""
        super().__init__(f"provision config exists for '{name}/{qualifier}'.")


class ResidentScalingConfigExists(ApiError):
    """A scaling config is in the way."""

    status = 409

    def __init__(self, name: str, qualifier: str) -> None:
        """Name the config; the service's own text is not public."""
        super().__init__(f"scaling config exists for '{name}/{qualifier}'.")


class MissingParameter(ApiError):
    """A request without a parameter that is required; code and text as of other RPC products."""

    def __init__(self, name: str) -> None:
        """Name the parameter."""
        super().__init__(f"{name} is mandatory for this action.")
        self._name = name

    @property
    def code(self) -> str:
        """The `Code` of the body."""
        return f"Missing{self._name}"


class ParameterInvalid(ApiError):
    """A parameter of Cloud Monitor is wrong; code and status are the emulator's choice."""


class ResourceNotFound(ApiError):
    """No such namespace: the one refusal that DescribeMetricList documents."""

    status = 404

    def __init__(self) -> None:
        """Carry the text of the vendor's page."""
        super().__init__("The specified resource is not found.")


class ActionNotFound(ApiError):
    """No such action or version: the gateway's code and text, its status a choice."""

    status = 404

    def __init__(self) -> None:
        """Carry the text that clients know."""
        super().__init__("Specified api is not found, please check your url and method.")

    @property
    def code(self) -> str:
        """The `Code` of the body."""
        return "InvalidAction.NotFound"


class ThrottledUser(ApiError):
    """Too many calls in a second: 400, as the error tables of other RPC products (ECS) say."""

    def __init__(self) -> None:
        """Carry the vendor's text."""
        super().__init__("Request was denied due to user flow control.")

    @property
    def code(self) -> str:
        """The `Code` of the body."""
        return "Throttling.User"


class PathNotSupported(ApiError):
    """A path of the API with a method that it does not have."""

    status = 404

    def __init__(self, method: str, path: str) -> None:
        """Carry the text of the vendor's error page, which does not give the status."""
        super().__init__(f"'{method}' against '{path}' is not supported")


class InternalServerError(ApiError):
    """Something that the emulator did not foresee; what, is in its log."""

    status = 500

    def __init__(self) -> None:
        """Carry the text of the vendor's error page."""
        super().__init__("an internal error has occurred. Please retry.")


class NotCovered(ApiError):
    """A route that the emulator does not have: said loudly, never half answered."""

    status = 501

    @property
    def code(self) -> str:
        """The `Code` of the body."""
        return "NotImplemented"


class Injected(ApiError):
    """The answer that a fault ordered."""

    def __init__(self, code: str, message: str, status: int) -> None:
        """Carry what the fault says."""
        super().__init__(message)
        self._code, self._status = code, status

    @property
    def code(self) -> str:
        """The `Code` of the body."""
        return self._code

    @property
    def http_status(self) -> int:
        """The HTTP status of the answer."""
        return self._status


def error_body(error: ApiError, request_id: str) -> dict[str, str]:
    """The body that the official 3.0 SDK reads its exception from."""
    return {"Code": error.code, "Message": error.message, "RequestId": request_id}
