"""A class of transformers takes words alone from ``tokenizer.json``; transformers is asked."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from bscl_jax import encoders
from bscl_jax.encoders._load import FAMILIES
from bscl_jax.encoders._tokenizer import read_tokenizer
from tests.encoders.conftest import MIXED, change_json
from tests.encoders.families import MARKS, write_folder

ODD = [
    *MIXED,
    " book a book ",
    "book,fine! a\u0301",
    "bo\u00adok\nfine",
    "a [MASK]book <mask> a",
    "x" * 120,
]


def assert_transformers_agrees(folder: Path, model_type: str) -> None:
    from transformers import AutoTokenizer

    found = read_tokenizer(folder, FAMILIES[model_type]).tokenizer
    reference = AutoTokenizer.from_pretrained(folder)
    assert [found.encode(text).ids for text in ODD] == reference(ODD)["input_ids"]


CLASSES = {"bert": "BertTokenizer", "mpnet": "MPNetTokenizer", "roberta": "RobertaTokenizer"}
CONTRARY = {
    "no normalizer": {"normalizer": None},
    "another normalizer": {"normalizer": {"type": "NFC"}},
    "control characters": {"normalizer": {"type": "BertNormalizer", "clean_text": False}},
    "another splitter": {"pre_tokenizer": {"type": "WhitespaceSplit"}},
    "other ends": {"post_processor": {"type": "BertProcessing", "sep": ["x", 4], "cls": ["y", 3]}},
    "no ends": {"post_processor": None},
    "no special tokens": {"added_tokens": []},
    "short words": {"model": {"max_input_chars_per_word": 3}},
    "dropout": {"model": {"dropout": 0.9}},
}


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("contrary", CONTRARY)
def test_a_class_takes_words_alone_from_the_file(tmp_path: Path, name: str, contrary: str) -> None:
    folder = write_folder(tmp_path / "model", name)
    path = folder / "tokenizer.json"
    facts = json.loads(path.read_text())
    changed = dict(CONTRARY[contrary])
    if contrary == "control characters":
        rest = {"handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
        changed = {"normalizer": changed["normalizer"] | rest}
    if "model" in changed:
        changed = {"model": facts["model"] | changed["model"]}
    change_json(path, **changed)
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": CLASSES[name]}))
    assert_transformers_agrees(folder, name)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("token", ["cls_token", "sep_token", "unk_token"])
def test_the_config_names_the_special_tokens(tmp_path: Path, name: str, token: str) -> None:
    folder = write_folder(tmp_path / "model", name)
    facts = {"tokenizer_class": CLASSES[name], token: MARKS[name][4]}
    (folder / "tokenizer_config.json").write_text(json.dumps(facts))
    assert_transformers_agrees(folder, name)


def test_what_the_file_says_of_a_special_token_is_kept(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model", "roberta")
    path = folder / "tokenizer.json"
    added = json.loads(path.read_text())["added_tokens"]
    change_json(path, added_tokens=[token | {"lstrip": True} for token in added])
    assert_transformers_agrees(folder, "roberta")


def test_a_class_keeps_the_file_of_a_vocabulary_that_is_not_its_own(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model", "roberta")
    ids = encoders.load(folder)[0].tokenize(MIXED)
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    assert encoders.load(folder)[0].tokenize(MIXED) == ids


def test_the_file_of_a_modernbert_is_followed_whatever_class_it_names(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model", "modernbert")
    change_json(folder / "tokenizer.json", normalizer={"type": "Lowercase"})
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "RobertaTokenizer"}')
    assert_transformers_agrees(folder, "modernbert")


ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = {"xlm-roberta": ROBERTA, "camembert": ROBERTA, "deberta-v2": BERT}
CHARACTERS = normalizers.Precompiled((1024).to_bytes(4, "little") + bytes(1024))


def write_pieces(folder: Path, model_type: str, normalizer) -> None:
    """Write a tokenizer as SentencePiece makes it, with rules that its class does not have."""
    marks = PIECES[model_type]
    pieces = [*marks, "\u2581", "\u2581a", "\u2581book", "\u2581BOOK", *"abefiknobookBKO,!"]
    scored = [(piece, -float(place)) for place, piece in enumerate(dict.fromkeys(pieces))]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=3 if marks is ROBERTA else 1))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=False)
    tokenizer.add_special_tokens(marks)
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))


LOWER = normalizers.Lowercase()
RULES = [
    (LOWER, {}),
    (CHARACTERS, {"add_prefix_space": False}),
    (normalizers.Sequence([LOWER, CHARACTERS]), {"do_lower_case": True}),
    (None, {"split_by_punct": True}),
]


@pytest.mark.parametrize("model_type", PIECES)
@pytest.mark.parametrize(("normalizer", "given"), RULES)
def test_a_class_of_sentence_pieces_has_rules_of_its_own(
    tmp_path: Path, model_type: str, normalizer, given
) -> None:
    write_pieces(tmp_path / "model", model_type, normalizer)
    (tmp_path / "model" / "tokenizer_config.json").write_text(json.dumps(given))
    assert_transformers_agrees(tmp_path / "model", model_type)
