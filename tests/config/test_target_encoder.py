"""The encoder of the targets, which says only in what it differs."""

import dataclasses

import pytest

from bscl_jax import config
from tests.config.test_load import GOOD, mistakes

OWN = "encoder={kind: random, num_layers: 3, prompts: {query: 'q: ', document: 'd: '}}"


def test_what_it_does_not_say_is_as_in_the_encoder() -> None:
    whole = config.parse(GOOD, [OWN, "target_encoder={freeze: ['*'], prompts: {document: ''}}"])
    prompts = config.Prompts("q: ", "")
    wanted = dataclasses.replace(whole.encoder, freeze=["*"], prompts=prompts)
    assert whole.target_encoder == wanted
    assert config.parse(GOOD, [OWN, "target_encoder={}"]).target_encoder == whole.encoder
    assert config.parse(GOOD, [OWN]).target_encoder is None


def test_another_kind_replaces_it_whole() -> None:
    override = "target_encoder={kind: pretrained, name: a/b}"
    found = config.parse(GOOD, [OWN, override]).target_encoder
    assert found == config.PretrainedEncoder("pretrained", "a/b")


def test_a_dumped_one_reads_back_equal() -> None:
    whole = config.parse(GOOD, [OWN, "target_encoder.max_length=9"])
    assert config.parse(config.dump(whole)) == whole


@pytest.mark.parametrize(
    ("override", "lines"),
    [
        ("target_encoder=3", ["--set: target_encoder: must be a section, with keys below it, was"]),
        ("target_encoder.kind=other", ["--set: target_encoder.kind: must be one of"]),
        ("target_encoder.nme=a", ["--set: target_encoder.nme: unknown key; known here: kind, num"]),
        ("target_encoder.lora.rank=0", ["--set: target_encoder.lora.rank: must be greater than"]),
    ],
)
def test_a_mistake_is_named_where_it_stands(override: str, lines: list[str]) -> None:
    for found, wanted in zip(mistakes(GOOD, override), lines, strict=True):
        assert found.startswith(wanted)


def test_a_mistake_that_it_took_over_is_named_once() -> None:
    (line,) = mistakes(GOOD, "encoder.num_layers=0", "target_encoder.max_length=9")
    assert line.startswith("--set: encoder.num_layers: must be greater than")
    both = mistakes(GOOD, "encoder.num_layers=0", "target_encoder.num_layers=-1")
    assert [line.split(": ")[1] for line in both] == [
        "encoder.num_layers",
        "target_encoder.num_layers",
    ]
