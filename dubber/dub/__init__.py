"""The product: any video, a text or subtitles and a voice to a dubbed video."""
