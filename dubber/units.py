"""Rates and widths that the whole package shares, with their units."""

SAMPLE_RATE = 16_000  # Hz, mono, of all sound inside the package
FULL_SCALE = 32_768.0  # of 16-bit PCM
FRAME_RATE = 25  # video frames per second
FRAME_SAMPLES = SAMPLE_RATE // FRAME_RATE  # of sound in a video frame
TOKEN_RATE = 80  # speech tokens per second of a codec, unless it says otherwise
