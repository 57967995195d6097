"""A Hugging Face Space of the noisewalk studio, with the limits of a page that everybody can reach."""

from noisewalk.requests import Studio
from noisewalk.studio.server import start

start(Studio(host="0.0.0.0", port=7860, limits="normal", queue=32))
