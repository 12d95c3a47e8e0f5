"""Small files in the format of each task of the paper, for tests."""

from pathlib import Path

PAIR = "sentence1\tsentence2\tlabel"
LIST = "query_id\tquery\tdoc_id\tdoc\tlabel"
CLAIM = "query_id\tquery\tdoc_id\tdoc"
TOPICS = ("tax", "rain", "bread", "music", "trains", "chess", "whales", "paper")


def write(folder: Path, name: str, *lines: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_pairs(folder: Path, labels: tuple[str, ...]) -> Path:
    """Files of STSb, MRPC or QQP: eight training rows, whose labels alternate."""
    for split, verb in (("train", "about"), ("dev", "on"), ("test", "of")):
        rows = [
            f'a "text {verb} {topic}\tthe book {verb} {topic}\t{labels[i % len(labels)]}'
            for i, topic in enumerate(TOPICS)
        ]
        write(folder, f"{split}.tsv", PAIR, *rows)
    return folder


def write_lists(folder: Path, labels: tuple[str, ...]) -> Path:
    """Files of CQA-A or CQA-B: four training questions with three documents each."""
    for split, topics in (
        ("train", TOPICS[:4]),
        ("dev", TOPICS[4:6]),
        ("test", TOPICS[6:]),
    ):
        rows = [
            f'{split}{q}\t{topic} [SEP] who knows ""{topic}""?\t{split}{q}_{d}\tword {d}\t{label}'
            for q, topic in enumerate(topics)
            for d, label in enumerate(labels)
        ]
        write(folder, f"{split}.tsv", LIST, *rows)
    return folder


def write_claims(folder: Path) -> Path:
    """Files of PFCC-S: eight training tweets of six claims, two of the test, a claim twice."""
    claims = [f"the claim about {topic}" for topic in TOPICS]
    corpus = [*claims, claims[0] + " "]
    write(
        folder, "corpus.tsv", "doc_id\tdoc", *(f"v{i}\t{claim}" for i, claim in enumerate(corpus))
    )
    asked = [0, 1, 2, 3, 4, 5, 0, 1]
    train = [f"t{i}\tis this {TOPICS[c]} #{i}?\tv{c}\t{claims[c]}" for i, c in enumerate(asked)]
    test = [f"u{c}\twhat of {TOPICS[c]}?\tv{c}\t{claims[c]}" for c in (6, 7)]
    write(folder, "train.tsv", CLAIM, *train)
    write(folder, "test.tsv", CLAIM, *test)
    return folder


def write_antique(folder: Path) -> Path:
    """Files of Antique: four training questions and one for the test, four answers each."""
    questions = {"train": ("11", "12", "13", "14"), "test": ("21",)}
    answers = [f"{q}_{d}" for ids in questions.values() for q in ids for d in range(4)]
    texts = [f"{key}\tan answer {key} to it" for key in answers]
    write(folder, "antique-collection.txt", *texts, "99_0\tnobody judged this")
    for split, ids in questions.items():
        write(folder, f"antique-{split}-queries.txt", *(f"{q}\twhy is it {q}?" for q in ids))
        judgments = [f"{q}\tU0 {q}_{d}\t{d + 1}" for q in ids for d in range(4)]
        write(folder, f"antique-{split}.qrel", *judgments)
    return folder


WRITERS = {
    "stsb": lambda folder: write_pairs(folder, ("0.0", "5.000", "3.2")),
    "mrpc": lambda folder: write_pairs(folder, ("1", "0")),
    "qqp": lambda folder: write_pairs(folder, ("1", "0", "0")),
    "pfcc_s": write_claims,
    "cqa_a": lambda folder: write_lists(folder, ("Good", "PotentiallyUseful", "Bad")),
    "cqa_b": lambda folder: write_lists(folder, ("Relevant", "Irrelevant", "PerfectMatch")),
    "antique": write_antique,
}
"""By the task's kind, what writes its files into a folder."""
