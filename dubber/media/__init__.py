"""Sound and pictures: decoding, faces, crops, features, writing."""
