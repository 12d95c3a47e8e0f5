"""From which label on a document is a positive of its query."""


def check_threshold(threshold: float) -> None:
    """Refuse a threshold that no label, or every label, is above.

    Raises:
        ValueError: if it is not from 0 to below 1.
    """
    if not 0 <= threshold < 1:
        raise ValueError(
            "threshold must be 0 or more and below 1, as labels are once label_range has brought "
            f"them there, was {threshold}; 0.5 takes the upper half of the scale"
        )
