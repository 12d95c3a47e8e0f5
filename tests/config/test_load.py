from pathlib import Path

import pytest

from bscl_jax import config

GOOD = """
run: {dir: runs/example}
data: {kind: library_desk}
encoder: {kind: random}
loss: {kind: batch_softmax}
shuffling: {kind: random}
evaluation: {measure: unseen/mrr}
"""


def mistakes(text: str, *overrides: str) -> list[str]:
    with pytest.raises(config.ConfigError) as caught:
        config.parse(text, overrides)
    return str(caught.value).splitlines()


def test_defaults_are_filled_in() -> None:
    assert config.parse(GOOD).training.batch_size == 32


def test_a_dumped_config_reads_back_equal() -> None:
    whole = config.parse(GOOD, ["loss={kind: combo, mu: 0.3}", "encoder.max_length=9"])
    assert config.parse(config.dump(whole)) == whole


def test_several_ways_to_pool_are_a_list_that_reads_back() -> None:
    encoder = "encoder={kind: pretrained, name: a/b, pooling: [mean, lasttoken]}"
    whole = config.parse(GOOD, [encoder])
    assert getattr(whole.encoder, "pooling", None) == ("mean", "lasttoken")
    assert config.parse(config.dump(whole)) == whole
    assert mistakes(GOOD, encoder.replace("mean", "sum"))[-1].endswith("was 'sum'")


def test_a_dumped_config_spells_out_every_default() -> None:
    assert "warmup: 0.1" in config.dump(config.parse(GOOD))


def test_a_number_that_yaml_takes_for_text_is_a_number() -> None:
    rate = config.parse(GOOD + "optimizer: {learning_rate: 2e-5}").optimizer.learning_rate
    assert rate == 2e-5


@pytest.mark.parametrize(
    ("setting", "value", "given"),
    [
        ("training.chunk_size", "true", "True"),
        ("training.dropout_epochs", "false", "False"),
        ("training.batch_size", "yes", "True"),
        ("run.seed", "no", "False"),
        ("loss.temperature", "true", "True"),
        ("loss.matryoshka_dims", "[16, true]", "[16, True]"),
    ],
)
def test_true_and_false_are_no_numbers(setting: str, value: str, given: str) -> None:
    rule = "must be numbers" if value.startswith("[") else "must be a number"
    message = f"--set: {setting}: {rule}, was {given}"
    assert mistakes(GOOD, f"{setting}={value}") == [message]


def test_true_and_false_are_what_they_are_elsewhere() -> None:
    assert config.parse(GOOD, ["training.packing=no"]).training.packing is False
    assert mistakes(GOOD, "run.dir=true") == ["--set: run.dir: must be a valid string, was True"]


def test_a_template_that_was_not_filled_in_is_placed() -> None:
    (line,) = mistakes(GOOD.replace("runs/example", "{{ name }}"))
    assert line.startswith("config:2:13: a key must be a word, was a mapping; fill in templates")


def test_a_date_that_is_none_is_named_with_the_file_or_override() -> None:
    rule = "config: not valid YAML: month must be in 1..12; quote what is text"
    assert mistakes(GOOD.replace("runs/example", "2024-13-01")) == [rule]
    override = "run.dir=2024-13-01"
    assert mistakes(GOOD, override) == [
        f"--set {override}: '2024-13-01' is not valid YAML; quote it"
    ]


@pytest.mark.parametrize("text", ["run: &a {dir: *a}", "run: &a [*a]", "run: " + "[" * 5000])
def test_yaml_that_has_no_end_is_refused(text: str) -> None:
    (line,) = mistakes(text)
    assert line.startswith("config: sections are nested too deeply, or one holds itself by an")


def test_an_override_that_has_no_end_is_refused() -> None:
    (line,) = mistakes(GOOD, "run.dir=" + "[" * 5000)
    assert line.endswith("is not valid YAML; quote it")


def test_an_override_wins_over_the_file() -> None:
    assert config.parse(GOOD, ["run.dir=elsewhere"]).run.dir == "elsewhere"


def test_an_override_of_one_section_leaves_another_of_the_same_alias_alone() -> None:
    text = GOOD.replace("encoder: ", "encoder: &same ") + "\ntarget_encoder: *same\n"
    resolved = config.parse(text, ["target_encoder.max_length=17"])
    assert resolved.target_encoder is not None
    assert resolved.target_encoder.max_length == 17
    assert resolved.encoder == config.parse(text).encoder


def test_an_override_reaches_a_section_that_the_file_says_there_is_none_of() -> None:
    written = config.dump(config.parse(GOOD))
    assert "lora: null" in written
    lora = config.parse(written, ["encoder.lora.rank=4"]).encoder.lora
    assert lora is not None
    assert lora.rank == 4


def test_an_override_reaches_a_section_that_the_file_lacks() -> None:
    assert config.parse(GOOD, ["training.epochs=7"]).training.epochs == 7


def test_the_kind_picks_the_loss() -> None:
    assert isinstance(config.parse(GOOD, ["loss.kind=combo"]).loss, config.ComboLoss)


def test_every_mistake_is_in_one_message_with_its_place() -> None:
    text = GOOD.replace("random}\nloss", "random, num_layers: 0}\nloss") + "training: {epoch: 3}\n"
    assert mistakes(text, "optimizer.learning_rate=-1") == [
        "config:4:25: encoder.num_layers: must be greater than or equal to 1, was 0",
        "--set: optimizer.learning_rate: must be greater than 0, was -1",
        "config:8:12: training.epoch: unknown key; did you mean 'epochs'? known here: "
        "batch_size, epochs, dropout_epochs, save_every, chunk_size, packing, num_shapes, "
        "num_lengths, num_negatives, devices, report_batches, on_nonfinite, max_skips",
    ]


def test_an_unknown_key_within_a_section_of_a_section_lists_those_known_there() -> None:
    assert mistakes(GOOD, "encoder.lora={rnk: 3}") == [
        "--set: encoder.lora.rnk: unknown key; did you mean 'rank'? known here: rank, alpha, "
        "targets"
    ]


SHUFFLINGS = (
    "'by_example', 'by_shingle', 'by_cluster', 'by_neighbor', 'random', 'file_order', 'file'"
)


def test_an_unknown_kind_lists_the_known_ones() -> None:
    assert mistakes(GOOD.replace("shuffling: {kind: random", "shuffling: {kind: randm")) == [
        f"config:6:13: shuffling.kind: must be one of {SHUFFLINGS}, was 'randm'"
    ]


def test_a_missing_kind_lists_the_known_ones() -> None:
    assert mistakes(GOOD.replace("shuffling: {kind: random}", "shuffling: {}")) == [
        f"config:6:1: shuffling.kind: must be one of {SHUFFLINGS}, was None"
    ]


@pytest.mark.parametrize("override", ["loss.kind=comb", "loss={kind: combo, mu: 2}"])
def test_what_an_override_got_wrong_is_not_looked_for_in_the_file(override: str) -> None:
    (line,) = mistakes(GOOD, override)
    assert line.startswith("--set: loss.")


@pytest.mark.parametrize("section", ["loss: batch_softmax", "training:"])
def test_a_section_that_is_a_value_is_named(section: str) -> None:
    name = section.partition(":")[0]
    text = GOOD.replace("loss: {kind: batch_softmax}", "") if name == "loss" else GOOD
    (line,) = mistakes(text + section)
    assert line.startswith(f"config:8:1: {name}: must be a section, with keys below it, was ")


@pytest.mark.parametrize(
    ("override", "rule"),
    [
        ("training.epochs=2.5", "must be a valid integer, was 2.5"),
        ("loss.train_temperature=maybe", "must be a valid boolean, was 'maybe'"),
        ("loss.temperature=cold", "must be a valid number, was 'cold'"),
    ],
)
def test_a_value_of_a_wrong_type_is_named(override: str, rule: str) -> None:
    assert mistakes(GOOD, override) == [f"--set: {override.partition('=')[0]}: {rule}"]


@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        ("run: {dir: runs/example}", "config: run: is required; write run: {dir: …}"),
        (
            "dir: runs/example",
            "config:2:1: run.dir: is required; write dir: … in run, or --set run.dir=…",
        ),
        (
            "shuffling: {kind: random}",
            "config: shuffling: is required; write shuffling: {kind: …} with one of "
            f"{SHUFFLINGS}",
        ),
    ],
)
def test_what_is_missing_is_named_with_how_it_is_written(given: str, mistake: str) -> None:
    assert mistakes(GOOD.replace(given, "")) == [mistake]


def test_an_unknown_column_role_is_named() -> None:
    data = "data={kind: pairs, train: a, dev: b, columns: {query: a, taget: b}}"
    (line,) = mistakes(GOOD, data)
    assert "data.columns.taget" in line
    assert "must be 'query', 'target' or 'label', or of hard negatives 'negative'," in line


def test_columns_of_hard_negatives_have_numbers_or_none() -> None:
    data = "data={kind: pairs, train: a, dev: b, columns: {query: a, target: b, %s: c}}"
    for part in ("negative", "negative_1", "negative_12"):
        section = config.parse(GOOD, [data % part]).data
        assert isinstance(section, config.PairsData)
        assert section.columns[part] == "c"
    assert "data.columns.negative_0" in mistakes(GOOD, data % "negative_0")[0]


def test_a_data_set_of_the_hub_is_read_with_its_splits() -> None:
    data = "data={kind: hub, path: owner/set, splits: {train: 'train[:90%]', dev: validation}}"
    section = config.parse(GOOD, [data]).data
    assert isinstance(section, config.HubData)
    assert section.splits == {"train": "train[:90%]", "dev": "validation"}
    assert section.columns == {"query": "query", "target": "target"}


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("lists", {"query": "query", "target": "target", "label": "label"}),
        ("retrieval, corpus: c", {"query": "query", "target": "target"}),
    ],
)
def test_lists_and_retrieval_read_files_as_pairs_do(kind: str, columns: dict[str, str]) -> None:
    section = config.parse(GOOD, [f"data={{kind: {kind}, train: a, dev: b}}"]).data
    assert isinstance(section, config.ListsData | config.RetrievalData)
    assert (section.columns, section.threshold, section.test) == (columns, 0.5, None)


@pytest.mark.parametrize(
    ("override", "rule"),
    [
        ("kind: lists, columns: {corpus: c}", "'query', 'target', 'label' or 'query_id', or"),
        ("kind: retrieval, columns: {query_id: c}", "'query', 'target', 'label' or 'corpus', or"),
        ("kind: retrieval, depths: [0]", "data.depths"),
        ("kind: lists, threshold: 1", "data.threshold"),
    ],
)
def test_what_lists_and_retrieval_cannot_have_is_named(override: str, rule: str) -> None:
    corpus = ", corpus: c" if "retrieval" in override else ""
    (line,) = mistakes(GOOD, f"data={{{override}, train: a, dev: b{corpus}}}")
    assert rule in line


def test_an_unknown_split_role_is_named() -> None:
    data = "data={kind: hub, path: owner/set, splits: {train: train, valid: validation}}"
    (line,) = mistakes(GOOD, data)
    assert "data.splits.valid" in line
    assert "'train', 'dev', 'test' or 'corpus'" in line


@pytest.mark.parametrize("value", [".nan", ".inf"])
def test_a_number_must_be_finite(value: str) -> None:
    (line,) = mistakes(GOOD, f"optimizer.learning_rate={value}")
    assert "finite" in line


def test_a_key_that_stands_twice_is_refused() -> None:
    assert mistakes(GOOD + "run: {dir: other}") == [
        "config:8:1: 'run' stands twice; keep one of them"
    ]


def test_broken_yaml_names_line_and_column() -> None:
    (line,) = mistakes("run: {dir: x\ndata: 3")
    assert line.startswith("config:2:5: not valid YAML:")


@pytest.mark.parametrize("text", ["", "- 1", "word"])
def test_a_config_is_a_mapping(text: str) -> None:
    (line,) = mistakes(text)
    assert "a config is a mapping of sections" in line


@pytest.mark.parametrize(
    ("override", "rule"),
    [
        ("epochs", "takes section.key=value"),
        (".epochs=3", "takes section.key=value"),
        ("run.dir.x=3", "is a value, not a section"),
        ("run.dir={", "is not valid YAML"),
    ],
)
def test_a_broken_override_is_named(override: str, rule: str) -> None:
    (line,) = mistakes(GOOD, override)
    assert rule in line


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no\.yaml: no such config file"):
        config.load(tmp_path / "no.yaml")


def test_a_file_that_is_not_utf8_is_named_with_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"run: \xe9")
    with pytest.raises(config.ConfigError, match=r"latin\.yaml: not UTF-8 \(byte 5\)"):
        config.load(path)


def test_places_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(GOOD + "foo: 1\n")
    with pytest.raises(config.ConfigError, match=r"my\.yaml:8:1: foo: unknown key"):
        config.load(path)


def test_keys_that_fit_no_more_a_kind_of_the_command_line_come_with_the_way_to_drop_them() -> None:
    text = GOOD.replace("kind: batch_softmax}", "kind: batch_softmax, temperature: 0.05}")
    assert mistakes(text, "loss.kind=cosine_mse") == [
        "config:5:29: loss.temperature: unknown key; known here: kind, matryoshka_dims; "
        "--set 'loss={kind: …}' replaces the whole section"
    ]
    assert config.parse(text, ["loss={kind: cosine_mse}"]).loss.kind == "cosine_mse"
    assert "replaces" not in mistakes(text, "loss={kind: cosine_mse, mu: 1}")[0]
    assert "replaces" not in mistakes(text, "loss.mu=1")[0]
