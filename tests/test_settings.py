"""Settings are read once, from three places, and a wrong one is one clear line."""

from pathlib import Path

import pytest

from trunkline.errors import OperatorError
from trunkline.settings import NAMES, Settings, dump, load, undump

DOCUMENT = Path(__file__).parent.parent / "docs" / "reference" / "settings.md"


def test_nothing_given_means_the_defaults(tmp_path: Path) -> None:
    assert load({}, {}, tmp_path) == Settings()


def test_the_command_line_wins_over_the_environment_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "trunkline.toml").write_text('port = 1\nworkers = 2\nhost = "::1"\n')
    settings = load({"port": 3, "workers": None}, {"TRUNKLINE_WORKERS": "4"}, tmp_path)
    assert (settings.port, settings.workers, settings.host) == (3, 4, "::1")


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"TRUNKLINE_PROT": "1"}, "TRUNKLINE_PROT is not a setting"),
        ({"TRUNKLINE_PORT": "x"}, "setting port: must be a whole number from 0 to 65535"),
        ({"TRUNKLINE_PORT": "70000"}, "setting port: must be a whole number from 0 to 65535"),
        ({"TRUNKLINE_WORKERS": "0"}, "setting workers: must be a whole number from 1 to 256"),
        ({"TRUNKLINE_CONNECT_TIMEOUT_MS": "0"}, "must be a whole number, at least 1"),
        ({"TRUNKLINE_SIMULATOR": "perhaps"}, "setting simulator: must be true or false"),
        ({"TRUNKLINE_FSYNC": "often"}, "setting fsync: must be always or interval or never"),
        ({"TRUNKLINE_OPENAI_URL": "http://x"}, "setting openai_url: must begin with ws://"),
        ({"TRUNKLINE_SUCCESSORS": "a"}, "TRUNKLINE_SUCCESSORS must be old=new"),
        ({"TRUNKLINE_CONFIG": "/nowhere.toml"}, "cannot read /nowhere.toml: No such file"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(
    environ: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(OperatorError, match=message):
        load({}, environ, tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("host = 4", "setting host: must be text"),
        ("tls_key = 4", "setting tls_key: must be text"),
        ("successors = 4", "setting successors: must be pairs of names"),
        ("successors = {a = 4}", "setting successors: must be pairs of names"),
    ],
)
def test_a_wrong_kind_of_value_in_the_file_is_refused(
    line: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "trunkline.toml").write_text(line)
    with pytest.raises(OperatorError, match=message):
        load({}, {}, tmp_path)


def test_an_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trunkline.toml").write_text("prot = 1\n")
    with pytest.raises(OperatorError, match="prot is not a setting"):
        load({}, {}, tmp_path)


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trunkline.toml").write_text("port =\n")
    with pytest.raises(OperatorError, match="is not valid TOML"):
        load({}, {}, tmp_path)


def test_successors_come_from_the_environment_as_pairs(tmp_path: Path) -> None:
    settings = load({}, {"TRUNKLINE_SUCCESSORS": "old=new, a = b,"}, tmp_path)
    assert settings.successors == {"old": "new", "a": "b"}


def test_ways_of_the_key_come_from_the_environment_as_words(tmp_path: Path) -> None:
    assert load({}, {"TRUNKLINE_KEY_WAYS": "path, query"}, tmp_path).key_ways == ("path", "query")
    assert load({}, {"TRUNKLINE_KEY_WAYS": ""}, tmp_path).key_ways == ()
    with pytest.raises(OperatorError, match="key_ways: must be a list, of authorization or path"):
        load({}, {"TRUNKLINE_KEY_WAYS": "cookie"}, tmp_path)


def test_a_child_gets_what_its_parent_has(tmp_path: Path) -> None:
    settings = load({"data": tmp_path, "successors": {"a": "b"}, "workers": 2}, {}, tmp_path)
    assert undump(dump(settings)) == settings


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_is_documented(name: str) -> None:
    assert f"`TRUNKLINE_{name.upper()}`" in DOCUMENT.read_text("utf-8")
