from dubber.dub.cues import Cue as Cue
from dubber.dub.cues import read_subtitles as read_subtitles
from dubber.dub.dubbed import DubbedVideo as DubbedVideo
from dubber.dub.load import load as load
from dubber.dub.video import VideoDubber as VideoDubber

__version__: str
