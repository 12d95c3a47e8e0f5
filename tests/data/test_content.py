import os
import subprocess
import sys

import numpy as np
import pytest

from bscl_jax.data import content_ids, normalize_text

KNOWN = {"renew online?": -1524733309, "Renew online?": -1959808158}
"""Ids are stored in caches and compared across machines: they must never change."""


def test_the_ids_of_known_texts_never_change():
    ids = content_ids(list(KNOWN))
    assert ids.dtype == np.int32
    assert ids.tolist() == list(KNOWN.values())


@pytest.mark.parametrize(
    ("one", "other"),
    [("caf\u00e9", "cafe\u0301"), ("a", " a\n"), ("\u00c5", "\u212b"), ("a", "\u00a0a")],
)
def test_equal_content_has_equal_ids(one, other):
    assert normalize_text(one) == normalize_text(other)
    assert content_ids([one]) == content_ids([other])


@pytest.mark.parametrize(("one", "other"), [("a", "A"), ("a b", "a  b"), ("a", "a."), ("ﬁ", "fi")])
def test_case_inner_spaces_and_punctuation_are_content(one, other):
    assert content_ids([one]) != content_ids([other])


def test_no_texts_have_no_ids():
    assert content_ids([]).shape == (0,)


def test_ids_do_not_depend_on_the_hash_seed_of_the_process():
    code = "from bscl_jax.data import content_ids; print(content_ids(['renew online?'])[0])"
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert int(done.stdout) == KNOWN["renew online?"]


def test_ids_of_many_texts_hardly_collide():
    ids = content_ids([f"question {i}" for i in range(5000)])
    assert len(np.unique(ids)) >= 4999
