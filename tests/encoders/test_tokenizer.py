import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from bscl_jax import encoders
from bscl_jax.encoders._encoder import list_texts
from bscl_jax.encoders._load import FAMILIES
from bscl_jax.encoders._tokenizer import read_tokenizer
from tests.encoders.conftest import MIXED, TEXTS, change_json
from tests.encoders.families import MARKS, write_folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "model"))


def test_texts_have_special_tokens_and_keep_their_order(small) -> None:
    encoder = small[0]
    rows = encoder.tokenize(["renew", "a book", ""])
    tokens = [[encoder.tokenizer.id_to_token(i) for i in row] for row in rows]
    assert tokens == [
        ["[CLS]", "renew", "[SEP]"],
        ["[CLS]", "a", "book", "[SEP]"],
        ["[CLS]", "[SEP]"],
    ]


def test_no_texts_give_no_rows(small) -> None:
    assert small[0].tokenize([]) == []


def test_a_single_string_is_refused(small) -> None:
    with pytest.raises(TypeError, match=r"was one string; write \[text\]"):
        small[0].tokenize("renew")


def test_an_entry_that_is_no_string_is_named_by_position() -> None:
    with pytest.raises(TypeError, match="entry 1 was None"):
        list_texts(["renew", None])


def test_texts_are_cut_at_max_length_and_keep_their_last_special_token(saved: Path) -> None:
    encoder, _ = encoders.load(saved, max_length=5)
    (ids,) = encoder.tokenize(["how do I renew a book"])
    assert len(ids) == 5
    assert encoder.tokenizer.id_to_token(ids[-1]) == "[SEP]"


def test_truncation_and_padding_settings_of_the_file_are_overridden(folder: Path) -> None:
    path = folder / "tokenizer.json"
    tokenizer = encoders.load(folder)[0].tokenizer
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=4)
    tokenizer.save(str(path))
    assert [len(ids) for ids in encoders.load(folder)[0].tokenize([TEXTS[0], "a"])] == [8, 3]


def test_the_config_has_the_last_word_on_letter_case(folder: Path, small) -> None:
    change_json(folder / "tokenizer_config.json", do_lower_case=False)
    encoder, _ = encoders.load(folder)
    assert encoder.tokenize(["renew"]) == small[0].tokenize(["renew"])
    assert encoder.tokenize(["RENEW"]) != small[0].tokenize(["RENEW"])


SETTINGS = {"lowercase": False, "strip_accents": True, "handle_chinese_chars": False}
LETTERS = ["Über Café BOOK", "图书 book", "renew"]


def set_normalizer(folder: Path, **settings) -> None:
    path = folder / "tokenizer.json"
    normalizer = json.loads(path.read_text())["normalizer"]
    change_json(path, normalizer=normalizer | settings)


def drop(path: Path, *names: str) -> None:
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({name: x for name, x in facts.items() if name not in names}))


@pytest.mark.parametrize("kind", ["BertTokenizer", "BertTokenizerFast", "MPNetTokenizer", None])
def test_where_the_config_is_silent_the_defaults_of_its_class_hold(folder: Path, kind) -> None:
    set_normalizer(folder, **SETTINGS)
    drop(folder / "tokenizer_config.json", "do_lower_case")
    change_json(folder / "tokenizer_config.json", tokenizer_class=kind)
    normalizer = encoders.load(folder)[0].tokenizer.normalizer
    assert (normalizer.lowercase, normalizer.strip_accents) == (True, None)
    assert normalizer.handle_chinese_chars


@pytest.mark.parametrize("kind", ["PreTrainedTokenizerFast", "TokenizersBackend"])
def test_a_class_of_any_tokenizer_leaves_letter_case_to_the_file(folder: Path, kind: str) -> None:
    set_normalizer(folder, **SETTINGS)
    change_json(folder / "tokenizer_config.json", tokenizer_class=kind, do_lower_case=True)
    normalizer = encoders.load(folder)[0].tokenizer.normalizer
    assert {name: getattr(normalizer, name) for name in SETTINGS} == SETTINGS


@pytest.mark.parametrize("kind", ["BertTokenizer", "PreTrainedTokenizerFast", None])
@pytest.mark.parametrize("given", [{}, {"do_lower_case": True}])
def test_transformers_agrees_on_letter_case(folder: Path, kind, given, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    set_normalizer(folder, **SETTINGS)
    drop(folder / "tokenizer_config.json", "do_lower_case")
    change_json(folder / "tokenizer_config.json", tokenizer_class=kind, **given)
    encoder, params = encoders.load(folder)
    encoders.save(tmp_path / "again", encoder, params)
    for place in (folder, tmp_path / "again"):
        reference = AutoTokenizer.from_pretrained(place)
        assert reference(LETTERS)["input_ids"] == encoder.tokenize(LETTERS)


def test_a_setting_of_letter_case_that_is_no_switch_is_refused(folder: Path) -> None:
    change_json(folder / "tokenizer_config.json", do_lower_case="no")
    with pytest.raises(ValueError, match="do_lower_case must be true, false or null, was 'no'"):
        encoders.load(folder)


@pytest.mark.parametrize("given", [{}, {"add_prefix_space": True}])
@pytest.mark.parametrize("own", [False, True])
def test_roberta_puts_a_space_first_where_its_config_says_so(tmp_path, own: bool, given) -> None:
    from transformers import AutoTokenizer

    folder = write_folder(tmp_path / "model", "roberta")
    path = folder / "tokenizer.json"
    splitter = json.loads(path.read_text())["pre_tokenizer"]
    change_json(path, pre_tokenizer=splitter | {"add_prefix_space": own})
    settings = {"tokenizer_class": "RobertaTokenizer", **given}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    ids = encoders.load(folder)[0].tokenize(["book a book"])
    assert ids == AutoTokenizer.from_pretrained(folder)(["book a book"])["input_ids"]
    words = encoders.load(folder)[0].tokenize([" book a book"])
    assert (ids == words) is bool(given)


def test_a_special_token_without_a_number_leaves_the_file_as_it_is(folder: Path, small) -> None:
    change_json(folder / "tokenizer_config.json", cls_token="<s>", unk_token="<unk>")
    assert encoders.load(folder)[0].tokenize(MIXED) == small[0].tokenize(MIXED)


def test_lower_casing_asked_for_by_sentence_transformers_comes_first(folder: Path, small) -> None:
    change_json(folder / "tokenizer_config.json", do_lower_case=False)
    change_json(folder / "sentence_bert_config.json", do_lower_case=True)
    encoder, params = encoders.load(folder)
    assert encoder.tokenize(["RENEW"]) == small[0].tokenize(["renew"])
    encoders.save(folder / "again", encoder, params)
    again, _ = encoders.load(folder / "again")
    assert again.tokenize(["RENEW"]) == small[0].tokenize(["renew"])
    assert again.tokenizer.to_str() == encoder.tokenizer.to_str()


def test_a_folder_with_a_vocabulary_alone_gives_the_same_tokens(folder: Path, small) -> None:
    (folder / "tokenizer.json").unlink()
    assert encoders.load(folder)[0].tokenize(MIXED) == small[0].tokenize(MIXED)


@pytest.mark.parametrize("where", ["tokenizer_config.json", "config.json"])
def test_a_class_that_needs_more_than_a_vocabulary_is_refused(folder: Path, where: str) -> None:
    (folder / "tokenizer.json").unlink()
    drop(folder / "tokenizer_config.json", "tokenizer_class")
    change_json(folder / where, tokenizer_class="BertJapaneseTokenizer")
    said = r"is a BertJapaneseTokenizer, which cannot be made of vocab\.txt alone"
    with pytest.raises(ValueError, match=said):
        encoders.load(folder)


@pytest.mark.parametrize("kind", ["BertTokenizerFast", "DistilBertTokenizer", "ElectraTokenizer"])
def test_a_class_of_the_kind_of_bert_is_made_of_a_vocabulary(folder: Path, small, kind) -> None:
    (folder / "tokenizer.json").unlink()
    change_json(folder / "tokenizer_config.json", tokenizer_class=kind)
    assert encoders.load(folder)[0].tokenize(MIXED) == small[0].tokenize(MIXED)


def test_a_vocabulary_is_read_by_the_class_that_is_named(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = write_folder(tmp_path / "model", "mpnet")
    words = encoders.load(folder)[0].tokenizer.get_vocab()
    (folder / "vocab.txt").write_text("\n".join(sorted(words, key=words.__getitem__)))
    change_json(folder / "config.json", model_type="bert", tokenizer_class="MPNetTokenizer")
    (folder / "tokenizer.json").unlink()
    ids = AutoTokenizer.from_pretrained(folder)(["a late book"])["input_ids"]
    family = FAMILIES["bert"]
    found = read_tokenizer(folder, dataclasses.replace(family, pad_token="<pad>"))
    assert found.tokenizer.encode("a late book").ids == ids[0]


DAMAGED = {
    "not UTF-8": ("bert", {"vocab.txt": b"[PAD]\n\xff\xfe\n"}),
    "empty": ("bert", {"vocab.txt": b""}),
    "a list": ("roberta", {"vocab.json": b"[1, 2]", "merges.txt": b""}),
    "texts for ids": ("roberta", {"vocab.json": b'{"a": "b"}', "merges.txt": b""}),
    "no tokens": ("roberta", {"vocab.json": b"{}", "merges.txt": b""}),
    "no JSON": ("roberta", {"vocab.json": b"{", "merges.txt": b""}),
    "a merge of one": ("roberta", {"vocab.json": b'{"a": 0}', "merges.txt": b"#v\na\n"}),
    "an unknown merge": ("roberta", {"vocab.json": b'{"a": 0}', "merges.txt": b"#v\nx y\n"}),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_vocabulary_is_one_error_that_names_the_folder(tmp_path, damage: str) -> None:
    name, files = DAMAGED[damage]
    folder = write_folder(tmp_path / "model", name)
    (folder / "tokenizer.json").unlink()
    for file, content in files.items():
        (folder / file).write_bytes(content)
    with pytest.raises(ValueError, match=str(folder)):
        encoders.load(folder)


def test_lower_casing_comes_before_no_rules_at_all(folder: Path) -> None:
    change_json(folder / "tokenizer.json", normalizer={"type": "Sequence", "normalizers": []})
    change_json(folder / "sentence_bert_config.json", do_lower_case=True)
    encoder, _ = encoders.load(folder)
    assert encoder.tokenize(["RENEW"]) == encoder.tokenize(["renew"])


def test_transformers_gives_the_same_tokens(folder: Path, small) -> None:
    from transformers import AutoTokenizer

    reference = AutoTokenizer.from_pretrained(folder)
    assert reference(MIXED)["input_ids"] == small[0].tokenize(MIXED)
    assert reference.model_max_length == small[0].max_length
    assert reference.pad_token_id == small[0].pad_id


def test_a_folder_without_a_tokenizer_is_refused(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"tokenizer\.json or vocab\.txt is needed"):
        encoders.load(folder)


def test_a_damaged_tokenizer_is_named(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match=r"tokenizer\.json is not a tokenizer file"):
        encoders.load(folder)


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(folder: Path) -> None:
    tokenizer = encoders.load(folder)[0].tokenizer
    tokenizer.add_tokens(["library"])
    tokenizer.save(str(folder / "tokenizer.json"))
    with pytest.raises(ValueError, match=r"token ids up to \d+, but the model has only \d+"):
        encoders.load(folder)


def test_a_tokenizer_without_special_tokens_is_refused(folder: Path) -> None:
    change_json(folder / "tokenizer.json", post_processor=None)
    change_json(folder / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")
    with pytest.raises(ValueError, match="adds no special tokens"):
        encoders.load(folder)


def test_a_padding_token_that_the_tokenizer_lacks_is_refused(folder: Path) -> None:
    change_json(folder / "tokenizer_config.json", pad_token="<pad>")
    with pytest.raises(ValueError, match="does not know its padding token '<pad>'"):
        encoders.load(folder)


@pytest.mark.parametrize("where", ["tokenizer_config.json", "tokenizer.json"])
def test_texts_are_cut_on_the_side_that_the_folder_names(
    folder: Path, where: str, tmp_path
) -> None:
    if where == "tokenizer.json":
        cut = {"direction": "Left", "max_length": 9, "strategy": "LongestFirst", "stride": 0}
        change_json(folder / where, truncation=cut)
    else:
        change_json(folder / where, truncation_side="left")
    encoder, params = encoders.load(folder, max_length=4)
    (ids,) = encoder.tokenize(["how do I renew a book"])
    assert [encoder.tokenizer.id_to_token(i) for i in ids] == ["[CLS]", "a", "book", "[SEP]"]
    encoders.save(tmp_path / "again", encoder, params)
    again, _ = encoders.load(tmp_path / "again")
    assert again.tokenize(["how do I renew a book"]) == [ids]


def test_a_side_that_is_none_is_refused(folder: Path) -> None:
    change_json(folder / "tokenizer_config.json", truncation_side="middle")
    with pytest.raises(ValueError, match="truncation_side must be right or left, was 'middle'"):
        encoders.load(folder)


@pytest.mark.parametrize("given", [{"pad_token": None}, {}])
def test_a_padding_token_that_stands_elsewhere_is_saved(folder: Path, given, tmp_path) -> None:
    path = folder / "tokenizer_config.json"
    facts = json.loads(path.read_text())
    facts.pop("pad_token", None)
    path.write_text(json.dumps(facts | given))
    (folder / "special_tokens_map.json").write_text('{"pad_token": {"content": "[PAD]"}}')
    encoders.save(tmp_path / "again", *encoders.load(folder))
    saved = json.loads((tmp_path / "again" / "tokenizer_config.json").read_text())
    assert saved["pad_token"] == "[PAD]"


def test_special_tokens_that_stand_elsewhere_are_saved(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = write_folder(tmp_path / "model", "mpnet")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    begin, pad, end, unknown, mask = MARKS["mpnet"]
    marks = {"cls_token": begin, "pad_token": pad, "sep_token": end, "unk_token": unknown}
    settings = {"content": mask, "lstrip": True}
    (folder / "special_tokens_map.json").write_text(json.dumps({**marks, "mask_token": settings}))
    encoder, params = encoders.load(folder)
    encoders.save(tmp_path / "again", encoder, params)
    texts = ["how do i renew a book", "a <mask> book"]
    reference = AutoTokenizer.from_pretrained(tmp_path / "again")
    assert reference(texts)["input_ids"] == encoder.tokenize(texts)
    assert reference.mask_token == mask


def test_a_config_that_lists_added_tokens_needs_no_map_of_special_ones(folder: Path) -> None:
    change_json(folder / "tokenizer_config.json", added_tokens_decoder={})
    (folder / "special_tokens_map.json").write_text('{"pad_token": "<pad>"}')
    encoder, _ = encoders.load(folder)
    assert encoder.tokenizer.id_to_token(encoder.pad_id) == "[PAD]"


def test_the_map_of_special_tokens_has_the_last_word(folder: Path) -> None:
    (folder / "special_tokens_map.json").write_text('{"pad_token": "[MASK]", "cls_token": null}')
    encoder, _ = encoders.load(folder)
    assert encoder.tokenizer.id_to_token(encoder.pad_id) == "[MASK]"
    assert encoder.checkpoint.tokenizer_facts["cls_token"] == "[CLS]"
