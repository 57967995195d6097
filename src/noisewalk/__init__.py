"""noisewalk: the experiments of diffusion-model courses and papers as real software.

>>> import noisewalk as nw
>>> model = nw.load("digits")
>>> nw.generate(model, "7", seed=0).tensor.shape
torch.Size([1, 1, 28, 28])
"""

from . import guidance as guidance
from . import walk as walk
from .api import anagram as anagram
from .api import denoise as denoise
from .api import edit as edit
from .api import factorize as factorize
from .api import forward as forward
from .api import generate as generate
from .api import hybrid as hybrid
from .api import inpaint as inpaint
from .api import inverse as inverse
from .errors import UserError as UserError
from .models.own import from_network as from_network
from .models.zoo import Pretrained as Pretrained
from .models.zoo import load as load
from .run.replay import replay as replay
from .run.result import Result as Result
from .version import __version__ as __version__
