"""The actions on provision and scaling configs: one engine, two wire forms."""

from datetime import timedelta

from planner.emulator import rules
from planner.emulator.errors import (
    ApiError,
    InstanceMetricsRequired,
    ProvisionConfigExist,
    ProvisionConfigNotFound,
    ResidentScalingConfigExists,
    ScalingConfigNotFound,
)
from planner.emulator.models.account import Account, Leftover
from planner.emulator.models.call import Call
from planner.emulator.models.config import NOT_EVALUATED, ConfigState, Key
from planner.emulator.models.document import PROVISION, Document, Json
from planner.emulator.models.evaluation import evaluate_now, settle
from planner.emulator.models.paging import Place, page
from planner.emulator.models.validation import merge


def put_config(account: Account, call: Call, form: type[Document]) -> Json:
    """Create or replace; the answer shows the static value, evaluation comes after the lag.

    Lowering destroys at once and raising starts at once, by the static value: that is what makes
    a put with a small `defaultTarget` dangerous. Trackers need instance metrics, also those that the
    put only keeps.
    """
    key = account.key(call.function_name, call.qualifier)
    if other := other_config(account, key, form):
        raise in_the_way(other)
    config = account.configs.get(key)
    document = merge(call.body, config.document if config else None, account.settings, form)
    if document.target_tracking_policies and not account.function(call.function_name).instance_metrics:
        raise InstanceMetricsRequired
    account.past[form.names.kind, key] = account.view(key)
    if config is None:
        config = account.configs[key] = ConfigState.new(key, account.at, document)
        config.fleet.launched = account.launched.get(key, 0)
    _store(account, config, document)
    account.leftovers.pop((form.names.kind, key), None)
    return {**config.view(account.arn(*key)), form.names.target: document.default_target}


def other_config(account: Account, key: Key, form: type[Document]) -> ConfigState | None:
    """A config of the other kind that excludes one of this form, as wide as the switch says."""
    for config in account.configs.values():
        near = config.key == key or (account.settings.one_kind_per == "function" and config.key[0] == key[0])
        if near and config.document.names is not form.names:
            return config
    return None


def in_the_way(config: ConfigState) -> ApiError:
    """The refusal of what cannot be done while this config exists."""
    return (ProvisionConfigExist if config.document.names is PROVISION else ResidentScalingConfigExists)(*config.key)


def _store(account: Account, config: ConfigState, document: Document) -> None:
    """Take a document over; an evaluation that is due from an earlier put stays due.

    So puts that follow each other faster than the lag do not keep the target at the default for ever.
    """
    lag = timedelta(seconds=account.settings.evaluation_lag_seconds)
    due = account.at + lag
    if account.at < config.evaluate_from:
        due = min(due, config.evaluate_from)
    config.document = document
    config.policies = rules.read_document(document, account.settings)
    config.put_at, config.evaluate_from = account.at, due
    if lag:
        config.target, config.by = document.default_target, NOT_EVALUATED
        settle(account, [config])
    else:
        evaluate_now(account, config)


def get_config(account: Account, call: Call, form: type[Document]) -> Json:
    """The config; if nothing of this kind is set an empty one, or 404 behind the switch.

    Behind another switch a config that was just deleted still shows its instances.
    """
    key = account.key(call.function_name, call.qualifier)
    names = form.names
    view = account.view(key, names.kind)
    if call.stale:
        view = account.past.get((names.kind, key), view)
    if view is not None:
        return view
    left = account.leftovers.get((names.kind, key))
    nothing = {**form().to_wire(), **{wire: kind() for wire, _, kind in names.scalars}}
    if left is not None and account.at < left.until:
        return {
            "functionArn": account.arn(*key),
            names.current: left.warm,
            "currentError": "",
            names.target: 0,
        } | nothing
    if account.settings.missing_config == "not_found":
        raise (ProvisionConfigNotFound if names is PROVISION else ScalingConfigNotFound)(*key)
    return {"functionArn": "", names.current: 0, "currentError": "", names.target: 0} | nothing


def delete_config(account: Account, call: Call, form: type[Document]) -> None:
    """Remove the config and its instances; that nothing was set is no error."""
    key = account.key(call.function_name, call.qualifier)
    kind = form.names.kind
    account.past[kind, key] = account.view(key, kind)
    config = account.configs.get(key)
    if config and config.document.names is form.names:
        del account.configs[key]
        account.launched[key] = config.fleet.launched
        if account.settings.deleted_instances == "linger" and config.fleet.warm:
            until = account.at + timedelta(seconds=account.settings.evaluation_lag_seconds)
            account.leftovers[kind, key] = Leftover(warm=config.fleet.warm, until=until)


def list_configs(account: Account, call: Call, form: type[Document]) -> Json:
    """A page of the configs of a kind in order of function and qualifier."""
    names = form.names
    views = {key: account.view(key, names.kind) for key in account.configs}
    if call.stale:
        views |= {key: view for (kind, key), view in account.past.items() if kind == names.kind}
    wanted = call.query.get("functionName", "")
    entries: dict[Place, Json] = {
        key: view for key, view in views.items() if view is not None and wanted in ("", key[0])
    }
    return page(entries, names.listing, call.query, account.settings.page_limit)
