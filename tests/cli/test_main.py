import jax
import pytest

import bscl_jax
from bscl_jax.cli import main
from bscl_jax.cli._main import keep_compiled_programs

USAGE = 2


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["train"], "the following arguments are required: --config"),
        (["trian"], "invalid choice: 'trian'"),
        (["train", "--config", "a.yaml", "--resum"], "unrecognized arguments: --resum"),
        (["compare", "runs/a"], "the following arguments are required: FOLDER_B"),
        (
            [
                "embed",
                "--model",
                "m",
                "--input",
                "a.txt",
                "--output",
                "a.npy",
                "--resume",
                "--overwrite",
            ],
            "--overwrite: not allowed with argument --resume",
        ),
        (["train", "--config", "a.yaml", "--runs", "0"], "must be a whole number from 1, was '0'"),
    ],
)
def test_mistyped_arguments_are_named(arguments, fault, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == USAGE
    assert fault in capsys.readouterr().err


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["train", "--help"])
    assert caught.value.code == 0
    assert {"--config", "--set", "--resume", "--runs"} <= set(capsys.readouterr().out.split())


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"bscl-jax {bscl_jax.__version__}\n"


@pytest.fixture
def cache_folder():
    """Give the setting back after the test."""
    before = jax.config.jax_compilation_cache_dir
    yield
    jax.config.update("jax_compilation_cache_dir", before)


@pytest.mark.usefixtures("cache_folder")
def test_compiled_programs_are_kept_below_the_users_cache(monkeypatch, tmp_path):
    jax.config.update("jax_compilation_cache_dir", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    keep_compiled_programs()
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "bscl_jax" / "xla")


@pytest.mark.usefixtures("cache_folder")
def test_a_choice_of_the_user_where_to_keep_them_stands(monkeypatch):
    jax.config.update("jax_compilation_cache_dir", "elsewhere")
    keep_compiled_programs()
    assert jax.config.jax_compilation_cache_dir == "elsewhere"
    jax.config.update("jax_compilation_cache_dir", None)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "")
    keep_compiled_programs()
    assert jax.config.jax_compilation_cache_dir is None
