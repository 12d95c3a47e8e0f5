"""What a run says of itself: log, progress, tables, report, model card."""

from bscl_jax.reporting._batches import BatchRows, batch_rows, batches_note, batches_table
from bscl_jax.reporting._metrics_log import (
    MetricsLog,
    read_metrics,
)
from bscl_jax.reporting._model_card import model_card
from bscl_jax.reporting._progress import TrainingProgress
from bscl_jax.reporting._report import write_report
from bscl_jax.reporting._results import (
    Row,
    compare,
    results_markdown,
    results_table,
)
from bscl_jax.reporting._table import measures_table

__all__ = [
    "BatchRows",
    "MetricsLog",
    "Row",
    "TrainingProgress",
    "batch_rows",
    "batches_note",
    "batches_table",
    "compare",
    "measures_table",
    "model_card",
    "read_metrics",
    "results_markdown",
    "results_table",
    "write_report",
]
