"""Flags, environment variables and what they refuse."""

from __future__ import annotations

import pytest

from model_server.settings import Settings


def test_flags_win_over_the_environment_and_that_over_the_defaults():
    environment = {"FC_SERVER_PORT": "9001", "MODEL_SERVER_THREADS": "3", "MODEL_SERVER_LOG_REQUESTS": "true"}
    settings = Settings.read(["--threads", "2", "--timeout-seconds", "1.5"], environment)
    assert settings == Settings(port=9001, threads=2, timeout_seconds=1.5, log_requests=True)


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--port", "90000"], "port"),
        (["--port", "many"], "port must be a number"),
        (["--threads", "0"], "threads"),
        (["--timeout-seconds", "nan"], "timeout_seconds"),
        (["--device", "tpu"], "device"),
        (["--warm-up", "never"], "warm_up"),
        (["--model", "somewhere"], "MODULE:CLASS"),
        (["--log-requests", "maybe"], "true or false"),
        (["--max-texts", "2000"], "max_texts"),
    ],
)
def test_a_wrong_setting_ends_with_2_and_says_which(flags, word, capsys):
    with pytest.raises(SystemExit) as ending:
        Settings.read(flags, {})
    assert ending.value.code == 2
    assert word in capsys.readouterr().err


def test_help_names_every_flag_with_its_variable(capsys):
    with pytest.raises(SystemExit):
        Settings.read(["--help"], {})
    text = "".join(capsys.readouterr().out.split())
    assert "FC_SERVER_PORT" in text
    assert text.count("MODEL_SERVER_") == len(Settings.__slots__) - 1
