"""What a run says of itself: log, progress, tables, report, model card."""

from bscl_jax.reporting._metrics_log import MetricsLog as MetricsLog
from bscl_jax.reporting._metrics_log import read_metrics as read_metrics
from bscl_jax.reporting._model_card import model_card as model_card
from bscl_jax.reporting._progress import TrainingProgress as TrainingProgress
from bscl_jax.reporting._report import write_report as write_report
from bscl_jax.reporting._results import Row as Row
from bscl_jax.reporting._results import compare as compare
from bscl_jax.reporting._results import results_markdown as results_markdown
from bscl_jax.reporting._results import results_table as results_table
