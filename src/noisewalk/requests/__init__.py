"""What every command besides the techniques is asked: frozen dataclasses, read and checked as the techniques' requests are.

Their docstrings are the commands' help, their fields the flags. To read them loads no torch.
"""

from .loading import CascadeLoading as CascadeLoading
from .loading import Loading as Loading
from .loading import Output as Output
from .loading import OwnNetwork as OwnNetwork
from .others import Animate as Animate
from .others import Doctor as Doctor
from .others import Encode as Encode
from .others import Models as Models
from .others import Ranking as Ranking
from .others import Replay as Replay
from .others import Report as Report
from .others import Search as Search
from .others import Studio as Studio
from .others import Suggest as Suggest
from .others import Tour as Tour
from .training import Compare as Compare
from .training import Evaluate as Evaluate
from .training import Pack as Pack
from .training import RunSpec as RunSpec
from .training import Train as Train
