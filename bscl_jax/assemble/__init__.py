"""The one room that knows every room and lays the road of the data once."""

from bscl_jax.assemble._batch_facts import make_batch_facts as make_batch_facts
from bscl_jax.assemble._batches import make_batches as make_batches
from bscl_jax.assemble._batches import place as place
from bscl_jax.assemble._encoders import load_encoder as load_encoder
from bscl_jax.assemble._fits import check_dims as check_dims
from bscl_jax.assemble._fits import check_fits as check_fits
from bscl_jax.assemble._fits import check_measure as check_measure
from bscl_jax.assemble._fits import check_num_negatives as check_num_negatives
from bscl_jax.assemble._fits import measures as measures
from bscl_jax.assemble._fits import named as named
from bscl_jax.assemble._fits import options as options
from bscl_jax.assemble._loss import initial_params as initial_params
from bscl_jax.assemble._loss import make_loss as make_loss
from bscl_jax.assemble._loss import takes_negatives as takes_negatives
from bscl_jax.assemble._loss import takes_triplets as takes_triplets
from bscl_jax.assemble._loss import temperature as temperature
from bscl_jax.assemble._order import check_order as check_order
from bscl_jax.assemble._order import make_order as make_order
from bscl_jax.assemble._road import Road as Road
from bscl_jax.assemble._road import lay_road as lay_road
from bscl_jax.assemble._road import make_embed as make_embed
from bscl_jax.assemble._stages import Stage as Stage
from bscl_jax.assemble._stages import list_stages as list_stages
from bscl_jax.assemble._stages import stage_of as stage_of
from bscl_jax.assemble._weights import weights_of as weights_of
