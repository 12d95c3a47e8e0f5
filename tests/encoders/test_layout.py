import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from bscl_jax import encoders

START = "sentence_transformers.models."


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "model"))


def set_modules(folder: Path, *modules: tuple[str, str]) -> None:
    entries = [
        {"idx": position, "name": str(position), "path": path, "type": kind}
        for position, (kind, path) in enumerate(modules)
    ]
    (folder / "modules.json").write_text(json.dumps(entries))


def add_dense(folder: Path, **facts) -> None:
    """Put a Dense module from 16 to 4 features after pooling."""
    set_modules(
        folder,
        (START + "Transformer", ""),
        (START + "Pooling", "1_Pooling"),
        (START + "Dense", "2_Dense"),
    )
    (folder / "2_Dense").mkdir()
    known = {"in_features": 16, "out_features": 4, "bias": True}
    (folder / "2_Dense" / "config.json").write_text(json.dumps(known | facts))
    tensors = {
        "linear.weight": np.arange(64, dtype=np.float32).reshape(4, 16),
        "linear.bias": np.arange(4, dtype=np.float32),
    }
    save_file(tensors, folder / "2_Dense" / "model.safetensors")


def change_json(path: Path, **facts) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def test_parameters_of_a_dense_module_stand_beside_those_of_the_transformer(
    small, folder: Path
) -> None:
    add_dense(folder)
    encoder, params = encoders.load(folder)
    assert encoder.dimension == 4
    assert params.keys() == {*small[1], "dense_0"}
    assert {name: leaf.shape for name, leaf in params["dense_0"].items()} == {
        "kernel": (16, 4),
        "bias": (4,),
    }


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"activation_function": "os.system"}, "activation_function must be one of .*'os.system'"),
        ({"activation_function": None}, "activation_function must be one of .*, was None"),
        ({"in_features": 17}, "dense_0 takes 17 features .*, but is given 16"),
        ({"out_features": 0}, "must be whole numbers from 1, were 16 and 0"),
        ({"out_features": 10**12}, r"linear.weight \(4, 16\), the config says \(1000000000000, 16"),
        ({"bias": False}, "surplus: linear.bias"),
        ({"module_input_name": "token_embeddings"}, "'module_input_name' = 'token_embeddings'"),
        ({"rank": 3}, "settings that are not supported: 'rank' = 3"),
    ],
)
def test_a_dense_module_that_cannot_be_followed_is_refused_by_name(
    folder: Path, facts: dict, message: str
) -> None:
    add_dense(folder, **facts)
    with pytest.raises(ValueError, match=message) as caught:
        encoders.load(folder)
    assert str(folder) in str(caught.value)


def test_pickled_weights_of_a_dense_module_are_never_read(folder: Path) -> None:
    add_dense(folder)
    place = folder / "2_Dense"
    (place / "model.safetensors").rename(place / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match=r"2_Dense has no .*found pytorch_model\.bin"):
        encoders.load(folder)


def test_saving_without_the_parameters_of_a_dense_module_is_refused(folder: Path) -> None:
    add_dense(folder)
    encoder, params = encoders.load(folder)
    del params["dense_0"]["bias"]
    with pytest.raises(ValueError, match=r"missing: dense_0\.bias"):
        encoders.save(folder / "again", encoder, params)


@pytest.mark.parametrize(
    "other",
    [
        "sentence_transformers.models.LayerNorm",
        "sentence_transformers.models.Transformer",
        "my_package.Normalize",
        "custom_st.Transformer",
    ],
)
def test_a_module_that_is_not_supported_is_refused_by_name(folder: Path, other: str) -> None:
    set_modules(
        folder, (START + "Transformer", ""), (START + "Pooling", "1_Pooling"), (other, "2_Other")
    )
    name = other.removeprefix(START)
    with pytest.raises(
        ValueError, match=f"lists the modules .*'{name}'; only Transformer, Pooling"
    ):
        encoders.load(folder)


def test_a_dense_module_before_pooling_is_refused(folder: Path) -> None:
    names = ("Transformer", "Dense", "Pooling")
    set_modules(folder, *((START + name, "") for name in names))
    with pytest.raises(ValueError, match="'Transformer', 'Dense', 'Pooling'; only"):
        encoders.load(folder)


@pytest.mark.parametrize(
    "path",
    ["../model/1_Pooling", "/etc", "1_Pooling/../..", "..\\other", "C:", "a\0b", "a\nb", "a" * 300],
)
def test_a_path_that_leaves_the_folder_is_refused(folder: Path, path: str) -> None:
    set_modules(folder, (START + "Transformer", ""), (START + "Pooling", path))
    with pytest.raises(
        ValueError, match=r"modules\.json names .* no folder inside the model's own"
    ):
        encoders.load(folder)


def test_arguments_of_a_module_are_refused(folder: Path) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["kwargs"] = ["task"]
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ValueError, match=r"arguments at every call \(\['task'\]\)"):
        encoders.load(folder)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"pooling_mode": "sum"}, "asks for the pooling 'sum'; supported are mean"),
        ({"pooling_mode": ["mean", "sum"]}, r"'mean' \+ 'sum'"),
        ({"pooling_mode": {"mean": True}}, "asks for the pooling"),
        ({"pooling_mode_sum_tokens": True}, "'pooling_mode_sum_tokens' = True"),
        ({"word_embedding_dimension": 17}, "hidden_size is 16, but the Pooling module takes 17"),
        ({"include_prompt": 1}, "'include_prompt' = 1"),
    ],
)
def test_a_pooling_that_is_not_supported_is_refused_by_name(
    folder: Path, facts: dict, message: str
) -> None:
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(facts))
    with pytest.raises(ValueError, match=message):
        encoders.load(folder)


def test_pooling_flags_are_concatenated_in_the_order_of_the_library(folder: Path) -> None:
    facts = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(facts))
    encoder, _ = encoders.load(folder)
    assert (encoder.pooling, encoder.dimension) == (("cls", "mean"), 32)


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        ({"model_args": {"trust_remote_code": True}}, "'model_args'"),
        ({"transformer_task": "text-generation"}, "'transformer_task' = 'text-generation'"),
        ({"max_seq_length": "long"}, "max_seq_length .* was 'long'"),
        ({"do_lower_case": "yes"}, "'do_lower_case' = 'yes'"),
    ],
)
def test_a_setting_of_the_transformer_that_is_not_supported_is_refused_by_name(
    folder: Path, facts: dict, named: str
) -> None:
    change_json(folder / "sentence_bert_config.json", **facts)
    with pytest.raises(ValueError, match=named):
        encoders.load(folder)


def test_prompts_and_similarity_are_read_and_written_back(small, folder: Path) -> None:
    change_json(
        folder / "config_sentence_transformers.json",
        prompts={"query": "query: ", "other": "other: "},
        default_prompt_name="other",
        similarity_fn_name="manhattan",
    )
    encoders.save(folder / "again", *encoders.load(folder))
    for place in (folder, folder / "again"):
        encoder, _ = encoders.load(place)
        assert encoder.prompts.texts == {"query": "query: ", "document": "", "other": "other: "}
        assert (encoder.prompts.default, encoder.similarity) == ("other", "manhattan")


def test_a_prompt_is_found_by_name_else_the_default_else_none(folder: Path) -> None:
    assert encoders.load(folder)[0].prompts.find() == ""
    change_json(
        folder / "config_sentence_transformers.json",
        prompts={"query": "query: "},
        default_prompt_name="query",
    )
    prompts = encoders.load(folder)[0].prompts
    found = (
        prompts.find(),
        prompts.find("document"),
        prompts.find(None, "a "),
        prompts.find(None, ""),
    )
    assert found == ("query: ", "", "a ", "")
    with pytest.raises(ValueError, match=r"must be one of \['document', 'query'\], was 'passage'"):
        prompts.find("passage")
    with pytest.raises(ValueError, match="pass prompt_name or prompt, not both"):
        prompts.find("query", "query: ")


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"default_prompt_name": "passage"}, "default_prompt_name must be one of the prompts"),
        ({"prompts": {"query": 3}}, "prompts must map names to texts"),
        ({"similarity_fn_name": "maxsim"}, "similarity_fn_name must be one of cosine, .*'maxsim'"),
        ({"model_type": "CrossEncoder"}, "describes a 'CrossEncoder'"),
        ({"truncate_dim": 8}, "truncate_dim = 8, .* pass truncate_dim to"),
    ],
)
def test_what_the_model_as_a_whole_asks_for_is_followed_or_refused(
    folder: Path, facts: dict, message: str
) -> None:
    change_json(folder / "config_sentence_transformers.json", **facts)
    with pytest.raises(ValueError, match=message):
        encoders.load(folder)


def test_a_prompt_is_counted_only_where_it_is_left_out_of_pooling(folder: Path) -> None:
    assert encoders.load(folder)[0].count_prompt("renew a ") == 0
    change_json(folder / "1_Pooling" / "config.json", include_prompt=False)
    encoder, _ = encoders.load(folder)
    assert encoder.count_prompt("renew a ") == 3  # with the special token before it
    assert encoder.count_prompt("") == 0
