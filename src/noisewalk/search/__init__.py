"""Search: many seeds of a technique are made, scored and ranked, and the best are kept."""

from .grid import parse_grid as parse_grid
from .plan import Plan as Plan
from .plan import parse_seeds as parse_seeds
from .run import Candidate as Candidate
from .run import Search as Search
from .suggest import suggest as suggest
