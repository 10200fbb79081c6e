"""How good a recovered sound is, against the true one; and the best that physics allows.

::

    reference, estimate -> one rate -> align (time, sign) -> metrics -> Scores
                                                    reference -> limit_band -> band ceiling

Every metric is a function of ``(reference, estimate[, rate_hz])`` that returns one number; the
reference comes first, both are ``(sample,)``, of one length, one rate, and aligned in time.
`evaluate` does all of that from two sounds as they come and returns the scores by name.
"""

from phonoscope.evaluate._align import align
from phonoscope.evaluate._bounds import (
    displacement_bound,
    displacement_information,
    sound_bound_db,
)
from phonoscope.evaluate._lpc import log_likelihood_ratio
from phonoscope.evaluate._metrics import (
    estoi,
    segmental_snr,
    si_sdr,
    stoi,
    validate,
    weighted_coherence,
)
from phonoscope.evaluate._scores import METRICS, Scores, band_ceiling, evaluate, limit_band

__all__ = [
    "METRICS",
    "Scores",
    "align",
    "band_ceiling",
    "displacement_bound",
    "displacement_information",
    "estoi",
    "evaluate",
    "limit_band",
    "log_likelihood_ratio",
    "segmental_snr",
    "si_sdr",
    "sound_bound_db",
    "stoi",
    "validate",
    "weighted_coherence",
]
