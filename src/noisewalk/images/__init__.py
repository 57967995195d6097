"""Pictures in and out: files within limits, tensors in [-1, 1], and notes on what was done to them."""

from .convert import enlarge as enlarge
from .convert import to_image as to_image
from .convert import to_tensor as to_tensor
from .masks import draw_mask as draw_mask
from .masks import prepare_mask as prepare_mask
from .modes import flatten_transparency as flatten_transparency
from .png import encode_png as encode_png
from .preparing import Picture as Picture
from .preparing import Shape as Shape
from .preparing import prepare_at_sizes as prepare_at_sizes
from .preparing import prepare_picture as prepare_picture
from .reading import FORMATS as FORMATS
from .reading import MAX_BYTES as MAX_BYTES
from .reading import MAX_PIXELS as MAX_PIXELS
from .reading import PICTURES as PICTURES
from .reading import Opened as Opened
from .reading import open_bytes as open_bytes
from .reading import open_image as open_image
from .reading import open_picture as open_picture
from .reading import read_file as read_file
from .reading import size_of as size_of
