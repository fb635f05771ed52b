"""Everything that can be wrong with a file, and what is said about it: (text, fault) by name of the case."""

from __future__ import annotations

import yaml

CHAIN = (
    "remove it, and replace it if the file was shared; credentials come from the default credential chain "
    "(environment ALIBABA_CLOUD_ACCESS_KEY_ID and ..._SECRET, ~/.aliyun/config.json, or a RAM role)"
)
DATABASE = "remove it; the database's password comes from environment PLANNER_DATABASE_URL or ~/.pgpass"
FUNCTION_KEYS = (
    "qualifier, time_zone, history, instance_concurrency, objective, forecast, calendar, capacity, guardrails, "
    "always_allocate, safety, plan, price, daemon"
)

SECTIONS = {
    "a region that is none": (
        "fc: {region: Hangzhou}",
        "fc.region: 'Hangzhou' is not a region; write one like cn-hangzhou",
    ),
    "an endpoint with a scheme": (
        "fc: {endpoint: 'http://127.0.0.1:80'}",
        "fc.endpoint: 'http://127.0.0.1:80' has a scheme; write host or host:port, the scheme goes into protocol",
    ),
    "an endpoint with a path": (
        "fc: {endpoint: host/path}",
        "fc.endpoint: 'host/path' is not an endpoint; write host or host:port",
    ),
    "a port that is none": (
        "fc: {endpoint: 'host:70000'}",
        "fc.endpoint: 'host:70000' is not an endpoint; write host or host:port",
    ),
    "plain text to another machine": (
        "fc: {endpoint: 'fc.internal:80', protocol: http}",
        "fc.protocol: http is for a loopback endpoint such as 127.0.0.1:9090; write https",
    ),
    "plain text to a region": (
        "fc: {region: cn-hangzhou, protocol: http}",
        "fc.protocol: http is for a loopback endpoint such as 127.0.0.1:9090; write https",
    ),
    "an unknown protocol": ("fc: {protocol: ftp}", "fc.protocol: 'ftp' is no choice; write https or http"),
    "another database": (
        "database: {url: 'mysql://db/planner'}",
        (
            "database.url: is not a database that can be used; write sqlite:///planner.db or "
            "postgresql://user@host:5432/planner"
        ),
    ),
    "a database in memory": (
        "database: {url: 'sqlite:///:memory:'}",
        "database.url: is a database in memory, which forgets every plan; write sqlite:///planner.db",
    ),
    "a misspelt section": ("databse: {}", "databse: is not a key here; did you mean database?"),
    "an empty section": ("database:", "database: is empty; write its keys below it, indented, or remove the key"),
    "a text for a section": (
        "database: planner.db",
        "database: 'planner.db' is not a section; write its keys below it, indented",
    ),
    "a name in defaults": ("defaults: {name: f}", f"defaults.name: is not a key here; the keys are {FUNCTION_KEYS}"),
    "a fault in defaults, told once": (
        "defaults: {capacity: {lead: abc}}",
        "defaults.capacity.lead: 'abc' is not a duration; write 90s, 15m, 6h or 2d",
    ),
    "bounds in defaults that cross": (
        "defaults: {capacity: {min_instances: 200}}",
        "defaults.capacity.max_instances: 100 is below min_instances, which is 200; raise the one or lower the other",
    ),
    "an access key": ("fc: {access_key_id: x}", f"fc.access_key_id: secrets don't belong in the file; {CHAIN}"),
    "a secret in camel case": ("accessKeySecret: x", f"accessKeySecret: secrets don't belong in the file; {CHAIN}"),
    "a token": ("fc: {security-token: x}", f"fc.security-token: secrets don't belong in the file; {CHAIN}"),
    "a database password": (
        "database: {password: x}",
        f"database.password: secrets don't belong in the file; {DATABASE}",
    ),
    "a password in the URL": ("database: {url: 'postgresql://me:pw@db/p'}", f"a password stands here; {DATABASE}"),
    "a password in the URL's query": (
        "database: {url: 'postgresql://db/p?password=pw'}",
        f"a password stands here; {DATABASE}",
    ),
    "an access key as a value": ("fc: {region: LTAI5tFakeFakeFake}", f"an access key stands here; {CHAIN}"),
    "an access key in a comment": ("# was LTAI5tFakeFakeFake", f"an access key stands here; {CHAIN}"),
    "a security token as a value": ("fc: {region: STS.FakeFakeFake}", f"a security token stands here; {CHAIN}"),
    "a private key": ("# -----BEGIN RSA PRIVATE KEY-----", f"a private key stands here; {CHAIN}"),
    "a key that is no word": (
        "{a: b}: c",
        "a key must be a word; a value that begins with { or [ needs quotes",
    ),
}

TRACKER = "name: t, metric: CPUUtilization, target: 0.5, min_instances: 1, max_instances: 2"


def tracker(fields: str) -> str:
    """The guardrails with one tracker, whose fields `fields` adds to or replaces."""
    body = {**yaml.safe_load(f"{{{TRACKER}}}"), **yaml.safe_load(f"{{{fields}}}")}
    return f"guardrails: {{trackers: [{yaml.safe_dump(body, default_flow_style=True, width=1000).strip()}]}}"


KEYS = {
    "a version number": (
        "qualifier: 3",
        (
            "qualifier: 3 is a version number; FC attaches policies to an alias or to LATEST only: "
            "write an alias that points to version 3"
        ),
    ),
    "latest in small letters": ("qualifier: latest", "qualifier: 'latest' is not an alias; write LATEST in capitals"),
    "an alias that FC won't take": (
        "qualifier: a b",
        "qualifier: 'a b' is not a name that FC takes; use letters, digits, _ and -, and begin with a letter or _",
    ),
    "a time zone that people expect": (
        "time_zone: Asia/Beijing",
        "time_zone: 'Asia/Beijing' is not a time zone; did you mean Asia/Shanghai?",
    ),
    "a misspelt time zone": (
        "time_zone: Asia/Shangai",
        "time_zone: 'Asia/Shangai' is not a time zone; did you mean Asia/Shanghai?",
    ),
    "a time zone that is a folder": (
        "time_zone: Asia",
        "time_zone: 'Asia' is not a time zone; write an IANA name such as Asia/Shanghai or UTC",
    ),
    "a time zone that is an offset": (
        "time_zone: '+08:00'",
        "time_zone: '+08:00' is not a time zone; write an IANA name such as Asia/Shanghai or UTC",
    ),
    "a path out of the time zones": (
        "time_zone: ../../x",
        "time_zone: '../../x' is not a time zone; write an IANA name such as Asia/Shanghai or UTC",
    ),
    "another source": (
        "history: {source: csv}",
        "history.source: 'csv' is no choice; write file or database or cloudmonitor or prometheus or sls",
    ),
    "a source without its settings": (
        "history: {source: prometheus}",
        "history.source: is prometheus; write history.prometheus with url and query",
    ),
    "a file for a URL": (
        "history: {prometheus: {url: /metrics, query: up}}",
        "history.prometheus.url: '/metrics' is not a URL; write https://host or https://host:port/prefix",
    ),
    "a URL with a question": (
        "history: {prometheus: {url: 'https://host/?a', query: up}}",
        "history.prometheus.url: 'https://host/?a' is more than an address; write https://host or https://host:port/prefix",
    ),
    "plain http to Cloud Monitor": (
        "history: {endpoint: metrics.cn-hangzhou.aliyuncs.com, protocol: http}",
        "history.protocol: http is for a loopback endpoint such as 127.0.0.1:9090; write https",
    ),
    "no file": (
        "history: {file: 'sample:'}",
        "history.file: names no file; write a path, sample:NAME for a bundled history, or null",
    ),
    "a number for a text": ("history: {file: 12}", "history.file: 12 is not a text; write '12', in quotes"),
    "another statistic": (
        "history: {statistic: median}",
        "history.statistic: 'median' is no choice; did you mean mean?",
    ),
    "no concurrency": ("instance_concurrency: 0", "instance_concurrency: 0 is out of range; write 1 to 200"),
    "a fraction": ("instance_concurrency: 1.5", "instance_concurrency: 1.5 is not a whole number; write 1 to 200"),
    "a number in quotes": (
        "instance_concurrency: '4'",
        "instance_concurrency: '4' is not a whole number; write 1 to 200",
    ),
    "a switch for a number": (
        "instance_concurrency: true",
        "instance_concurrency: true is not a whole number; write 1 to 200",
    ),
    "a cold share of nothing": (
        "objective: {cold_share: 0}",
        "objective.cold_share: 0 is out of range; write more than 0 and at most 0.5",
    ),
    "a cold share of more than half": (
        "objective: {cold_share: 0.6}",
        "objective.cold_share: 0.6 is out of range; write more than 0 and at most 0.5",
    ),
    "not a number": (
        "objective: {cold_share: .nan}",
        "objective.cold_share: nan is not a finite number; write more than 0 and at most 0.5",
    ),
    "an infinite ratio": (
        "safety: {max_cost_ratio: .inf}",
        "safety.max_cost_ratio: inf is not a finite number; write more than 0",
    ),
    "a misspelt forecaster": (
        "forecast: {forecaster: propet}",
        "forecast.forecaster: 'propet' is no choice; did you mean prophet?",
    ),
    "a country in small letters": (
        "calendar: {country: cn}",
        "calendar.country: 'cn' is not a country whose holidays are known; did you mean CN?",
    ),
    "an unknown country": (
        "calendar: {country: X1}",
        "calendar.country: 'X1' is not a country whose holidays are known; write a code of two capitals such as CN",
    ),
    "a freeze of a time and a day": (
        "daemon: {freeze: [{from: 18:00, to: 2026-11-11, why: x}]}",
        "daemon.freeze[0]: from and to must both be times of day such as 18:00, or neither",
    ),
    "a freeze of dates on weekdays": (
        "daemon: {freeze: [{days: [fri], from: 2026-11-10, to: 2026-11-11, why: x}]}",
        "daemon.freeze[0]: has days and dates; write from and to as times of day such as 18:00, or remove days",
    ),
    "a freeze that ends before it begins": (
        "daemon: {freeze: [{from: 2026-11-11, to: 2026-11-10T09:00, why: x}]}",
        "daemon.freeze[0]: ends '2026-11-10 09:00:00', which is not after '2026-11-11'; correct one",
    ),
    "a freeze from no time": (
        "daemon: {freeze: [{from: 25:00, to: 09:00, why: x}]}",
        "daemon.freeze[0].from: '25:00' is no time; write 18:00, a day such as 2026-11-11, or 2026-11-10T20:00",
    ),
    "a freeze on no weekday": (
        "daemon: {freeze: [{days: [funday], from: 18:00, to: 09:00, why: x}]}",
        "daemon.freeze[0].days[0]: 'funday' is no weekday; write mon, tue, wed, thu, fri, sat or sun",
    ),
    "a negative seed": ("forecast: {seed: -1}", "forecast.seed: -1 is out of range; write 0 to 4294967295"),
    "no days to compete on": (
        "forecast: {backtest_days: 0}",
        "forecast.backtest_days: 0 is out of range; write 1 to 90",
    ),
    "a text that is no duration": (
        "capacity: {lead: abc}",
        "capacity.lead: 'abc' is not a duration; write 90s, 15m, 6h or 2d",
    ),
    "a number without unit": ("capacity: {lead: 60}", "capacity.lead: 60 is not a duration; write 90s, 15m, 6h or 2d"),
    "no duration": ("capacity: {lead: }", "capacity.lead: null is not a duration; write 90s, 15m, 6h or 2d"),
    "a lead of hours": ("capacity: {lead: 2h}", "capacity.lead: 2h is out of range; write 0s to 1h"),
    "a lag beyond FC's": (
        "capacity: {evaluation_lag: 3m}",
        "capacity.evaluation_lag: 3m is out of range; write 0s to 120s",
    ),
    "a ceiling below the floor": (
        "capacity: {min_instances: 5, max_instances: 4}",
        "capacity.max_instances: 4 is below min_instances, which is 5; raise the one or lower the other",
    ),
    "a floor above the default ceiling": (
        "capacity: {min_instances: 200}",
        "capacity.max_instances: 100 is below min_instances, which is 200; raise the one or lower the other",
    ),
    "more than FC takes": (
        "capacity: {max_instances: 10001}",
        "capacity.max_instances: 10001 is out of range; write 1 to 10000",
    ),
    "a key of another section": ("lead: 60s", "lead: is not a key here; it belongs under capacity"),
    "a key in camel case": ("timeZone: UTC", "timeZone: is not a key here; did you mean time_zone?"),
    "a key like no other": ("xyz: 1", f"xyz: is not a key here; the keys are {FUNCTION_KEYS}, name"),
    "yes for a switch": (
        "guardrails: {enabled: yes}",
        "guardrails.enabled: 'yes' is not a switch; write true or false",
    ),
    "a live guard that is no ratio": (
        "guardrails: {live: 80}",
        "guardrails.live: 80 is no target; write auto, off, or a utilisation above 0 and at most 1, such as 0.8",
    ),
    "a live guard that is a switch": (
        "guardrails: {live: false}",
        "guardrails.live: false is no target; write auto, off, or a utilisation above 0 and at most 1, such as 0.8",
    ),
    "a fallback beyond full": (
        "guardrails: {fallback_target: 1.1}",
        "guardrails.fallback_target: 1.1 is out of range; write more than 0 and at most 1",
    ),
    "trackers that are no list": (
        "guardrails: {trackers: t}",
        "guardrails.trackers: 't' is not a list; begin each item with -",
    ),
    "an allocation that is no choice": (
        "always_allocate: {gpu: on}",
        "always_allocate.gpu: 'on' is no choice; write keep, true or false",
    ),
    "a drop of nothing": (
        "safety: {max_drop: 0}",
        "safety.max_drop: 0 is out of range; write more than 0 and at most 1",
    ),
    "a list for a number": ("safety: {quota: [1]}", "safety.quota: a list is not a whole number; write at least 1"),
    "a plan valid for days": ("plan: {valid_for: 3d}", "plan.valid_for: 3d is out of range; write 1m to 1d"),
    "a negative price": ("price: {cu: -1}", "price.cu: -1 is out of range; write at least 0"),
    "no price": ("price: {cu: }", "price.cu: is empty; write at least 0, or remove the key"),
    "a currency sign": (
        "price: {currency: ¥}",
        "price.currency: '¥' is not a currency; write three capitals such as CNY",
    ),
    "a date that is none": (
        "price: {dated: 13.12.2025}",
        "price.dated: '13.12.2025' is not a date; write one like 2025-12-13",
    ),
    "a number for a date": ("price: {dated: 2025}", "price.dated: 2025 is not a date; write one like 2025-12-13"),
    "a metric of the vendor's older page": (
        tracker("metric: GPUSmUtilization"),
        (
            "guardrails.trackers[0].metric: 'GPUSmUtilization' can't be tracked: the API takes "
            "ProvisionedConcurrencyUtilization, CPUUtilization, GPUMemUtilization, and no other; an older page of the "
            "vendor names five"
        ),
    ),
    "a tracker with our prefix": (
        tracker("name: planner-x"),
        (
            "guardrails.trackers[0].name: 'planner-x' begins with planner-, which marks the planner's own policies; "
            "choose another"
        ),
    ),
    "a tracker without a name": (tracker("name: ''"), "guardrails.trackers[0].name: is empty; write it"),
    "a tracker with a long name": (
        tracker(f"name: {'x' * 129}"),
        "guardrails.trackers[0].name: is too long; the most is 128",
    ),
    "a tracker with crossing bounds": (
        tracker("min_instances: 3"),
        "guardrails.trackers[0].max_instances: 2 is below min_instances, which is 3; raise the one or lower the other",
    ),
    "an instant without offset": (
        tracker("from: '2026-11-11T00:00:00'"),
        "guardrails.trackers[0].from: '2026-11-11T00:00:00' has no offset; add one, such as +08:00, or Z for UTC",
    ),
    "an instant that is none": (
        tracker("to: tomorrow"),
        "guardrails.trackers[0].to: 'tomorrow' is not an instant; write one like 2026-11-11T00:00:00+08:00",
    ),
    "a tracker that ends before it begins": (
        tracker("from: '2026-11-11T00:00:00Z', to: '2026-11-11T00:00:00+08:00'"),
        "guardrails.trackers[0].to: is not after from; write a later instant or leave it out",
    ),
    "an incomplete tracker": (
        "guardrails: {trackers: [{name: t, metric: CPUUtilization, min_instances: 1, max_instances: 2}]}",
        "guardrails.trackers[0].target: is missing; add it",
    ),
    "trackers of one name": (
        f"guardrails: {{trackers: [{{{TRACKER}}}, {{{TRACKER}}}]}}",
        "guardrails.trackers[1].name: 't' names trackers[0] already; names must be unique",
    ),
    "a key that is written twice": (
        "{qualifier: a, qualifier: b}",
        "qualifier: is written twice, first on line 4; remove one",
    ),
    "a very long text": (
        f"time_zone: {'x' * 50}",
        f"time_zone: '{'x' * 39}…' is not a time zone; write an IANA name such as Asia/Shanghai or UTC",
    ),
}

WHOLE = {
    "no version": ("functions:\n- name: f", "1: version: is missing; add it"),
    "another version": ("version: 2\nnew: 1", "1: version: 2 is not a version that this planner reads; write 1"),
    "a version in quotes": ("version: '1'", "1: version: '1' is not a version that this planner reads; write 1"),
    "no functions": ("version: 1", "1: functions: is missing; add it"),
    "an empty list": ("version: 1\nfunctions: []", "2: functions: is empty; write at least one"),
    "an empty file": ("", "1: is empty; begin with version: 1 (`planner init` writes an example)"),
    "nothing but comments": ("# later\n", "1: is empty; begin with version: 1 (`planner init` writes an example)"),
    "a list": ("- a\n- b", "1: is a list, not keys and values; begin with version: 1"),
    "a text": ("hello", "1: is 'hello', not keys and values; begin with version: 1"),
    "a function that is a text": (
        "version: 1\nfunctions:\n- f",
        "3: functions[0]: 'f' is not a section; write its keys below it, indented",
    ),
    "functions by name": (
        "version: 1\nfunctions:\n  f: {}",
        "2: functions: a mapping is not a list; begin each item with -",
    ),
    "a function without a name": ("version: 1\nfunctions:\n- {}", "3: functions[0].name: is missing; add it"),
    "a function given twice": (
        "version: 1\nfunctions:\n- name: f\n- name: f",
        "4: functions[1].name: 'f:LATEST' is functions[0] already; remove one",
    ),
    "two aliases of a function": (
        "version: 1\nfunctions:\n- name: f\n- {name: f, qualifier: prod}",
        (
            "4: functions[1].name: 'f' is planned for LATEST in functions[0] already; metrics are per function, so the "
            "load can't be split between two aliases: keep one"
        ),
    ),
    "a name that begins with a digit": (
        "version: 1\nfunctions:\n- name: 1f",
        (
            "3: functions[0].name: '1f' is not a name that FC takes; use letters, digits, _ and -, and begin with a "
            "letter or _"
        ),
    ),
    "an unfinished quotation": (
        'version: 1\nfc:\n  region: "cn',
        "3:14: not YAML: found unexpected end of stream; close the quotation mark",
    ),
    "a tab": (
        "version: 1\nfc:\n\tregion: x",
        (
            "3:1: not YAML: found character '\\t' that cannot start any token; indent with spaces, and quote a value "
            "that begins with a special character"
        ),
    ),
    "a colon in a value": (
        "version: 1\nfc: a: b",
        (
            "2:6: not YAML: mapping values are not allowed here; quote a value that holds a colon, or correct the "
            "indentation"
        ),
    ),
    "an indentation that is off": (
        "version: 1\nfc:\n  region: x\n endpoint: y",
        (
            "4:2: not YAML: expected <block end>, but found '<block mapping start>'; correct the indentation: the keys "
            "of a section begin in the same column"
        ),
    ),
    "a bracket that is open": (
        "version: 1\nfunctions: [",
        (
            "2:13: not YAML: expected the node content, but found '<stream end>'; check the quotes, brackets and "
            "indentation here"
        ),
    ),
    "two documents": (
        "version: 1\n---\nversion: 1",
        "2:1: not YAML: but found another document; keep one document in the file, without ---",
    ),
    "an alias": (
        "version: 1\nfc: &a {}\ndatabase: *a",
        "3:11: not YAML: aliases (*name) are not supported; what functions share goes under defaults",
    ),
    "a tag": (
        "version: 1\nfc: !env FC",
        "2:5: not YAML: tags (!name) are not supported; write the plain value",
    ),
    "a control character": ("version: 1\n# \x07", "2: holds a control character; remove it"),
    "a well of brackets": (
        "x: " + "[" * 3000 + "]" * 3000,
        "1: is nested too deeply to be a configuration; a section holds plain keys",
    ),
}
