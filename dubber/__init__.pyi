from dubber.dub.dubbed import DubbedVideo as DubbedVideo
from dubber.dub.load import load as load
from dubber.dub.video import VideoDubber as VideoDubber

__version__: str
