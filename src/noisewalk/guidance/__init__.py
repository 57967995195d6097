"""Guidance: denoisers in, a denoiser out. Needs torch only."""

from .components import band_split as band_split
from .components import colour as colour
from .components import gaussian_blur as gaussian_blur
from .components import grey as grey
from .components import high_pass as high_pass
from .components import low_pass as low_pass
from .components import masked as masked
from .illusions import anagram as anagram
from .illusions import factorize as factorize
from .prompts import cfg as cfg
from .prompts import compose as compose
from .terms import Map as Map
from .terms import Mixture as Mixture
from .terms import Scale as Scale
from .terms import Term as Term
from .terms import evaluate as evaluate
from .threshold import THRESHOLDS as THRESHOLDS
from .threshold import clip as clip
from .threshold import dynamic_threshold as dynamic_threshold
from .views import VIEWS as VIEWS
from .views import View as View
from .views import check_isometry as check_isometry
from .views import get_view as get_view
