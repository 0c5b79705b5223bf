"""FACodec v1, the codec of NaturalSpeech 3: its networks, written to load the published weights."""

from dubber.codec.facodec.decoder import FACodecDecoder
from dubber.codec.facodec.encoder import FACodecEncoder

__all__ = ["FACodecDecoder", "FACodecEncoder"]
