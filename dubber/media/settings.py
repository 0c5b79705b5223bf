"""How faces and lips are cut out, and what is computed from them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dubber.settings import Settings


class CropSettings(Settings):
    """Face tracking and the two crops."""

    backend: Literal["haar", "fan"] = Field(
        default="haar", description="embedded (Haar cascade) or reference (FAN landmarks, package face-alignment)"
    )
    fps: int = Field(default=25, ge=1, description="frames per second after decoding")
    lip_size: int = Field(default=96, ge=88, description="side of the grey lip crop, pixels")
    face_size: int = Field(default=112, ge=32, description="side of the colour face crop, pixels")
    detection_width: int = Field(default=360, ge=64, description="frames are scaled down to this width for detection")
    detect_every: int = Field(default=5, ge=1, description="a face is looked for in every n-th frame")
    smallest_face: float = Field(default=0.1, gt=0, lt=1, description="smallest face, share of the picture's width")
    neighbours: int = Field(default=4, ge=1, description="how many overlapping detections make a face")
    min_found_share: float = Field(
        default=0.5, ge=0, le=1, description="a clip fails where fewer of the frames that were looked at show a face"
    )
    smoothing: float = Field(default=0.2, gt=0, description="standard deviation of the track's smoothing, seconds")
    jpeg_quality: int = Field(default=92, ge=1, le=100, description="quality of the stored crops")


class FeatureSettings(Settings):
    """Lip and face features."""

    backend: Literal["pca", "lineage"] = Field(
        default="pca",
        description="embedded (principal components of the crops) or reference (lip-reading ResNet-18 and EmoNet)",
    )
    fit_on: tuple[str, ...] = Field(default=(), description="corpora whose training clips the components are fitted on")
    lip_features: int = Field(default=512, ge=4, description="width of a frame's lip features")
    face_features: int = Field(default=256, ge=4, description="width of a frame's face features")
    lip_crop: int = Field(default=88, ge=16, le=88, description="side of the lip crop's centre that is used, pixels")
    lip_scale: int = Field(default=22, ge=8, description="side to which it is scaled before the components, pixels")
    face_scale: int = Field(default=48, ge=8, description="side to which the face is scaled before the components")
    centred: bool = Field(default=True, description="subtract each clip's mean picture: what moves, not who it is")
    lip_whitening: float = Field(
        default=0.5, ge=0, le=1, description="0 leaves the lip components' spreads as they are, 1 makes all of them one"
    )
    face_whitening: float = Field(default=0.0, ge=0, le=1, description="the same for the face components")
    max_frames: int = Field(default=20_000, ge=10, description="training frames that the components are fitted on")
    least_share: float = Field(
        default=0.2, gt=0, le=1, description="a clip that is fitted on gives at least this share of its frames"
    )
    seed: int = Field(default=0, ge=0, description="seed of the choice of frames and of the solver")
