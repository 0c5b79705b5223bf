"""How faces and lips are cut out, and what is computed from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from dubber.settings import Needed, Settings

# The published landmark network and the face detector before it, by the names that face-alignment 1.5.0 looks for.
FAN_FILES = ("2DFAN4-11f355bf06.pth.tar", "s3fd-619a316812.pth")


class CropSettings(Settings):
    """Face tracking and the two crops."""

    backend: Literal["haar", "fan"] = Field(
        default="haar", description="embedded (Haar cascade) or reference (FAN landmarks, package face-alignment)"
    )
    fan_weights: str = Field(
        default="downloads/fan", description="fan only: folder of the published weights; nothing else is downloaded"
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

    @property
    def needed(self) -> Needed | None:
        """The published weights of the face detector, where it has any."""
        files = tuple(f"{self.fan_weights}/{name}" for name in FAN_FILES)
        return Needed(files, "fan", "crops.backend: haar") if self.backend == "fan" else None


class FittedStream(Settings):
    """Embedded features: principal components of the crops."""

    backend: Literal["pca"] = Field(default="pca", description="embedded: fitted on the training clips of `fit_on`")


class LipReadingStream(Settings):
    """Lip features of the published lip-reading ResNet-18; its licence allows comparison and benchmarking only."""

    backend: Literal["resnet18"] = Field(default="resnet18", description="reference: published weights, fetched")
    weights: str = Field(
        default="downloads/lipreading/lrw_resnet18_mstcn_video.pth", description="file of the published weights"
    )
    activation: Literal["swish", "prelu"] = Field(
        default="swish", description="swish: the weights of 2022 (resnet18_mstcn_video); prelu: those before them"
    )


class ImportedStream(Settings):
    """The user's own features: one <clip>.npy of floats [frames, width] a clip (docs/reference/features.md)."""

    backend: Literal["import"] = Field(default="import", description="the user's own files")
    folder: str = Field(description="folder of <clip>.npy files")
    tolerance: int = Field(
        default=1, ge=0, description="frames by which a file may be longer or shorter than the clip: cut off, repeated"
    )


LipStream = Annotated[FittedStream | LipReadingStream | ImportedStream, Field(discriminator="backend")]
FaceStream = Annotated[FittedStream | ImportedStream, Field(discriminator="backend")]

LIPREADING_WIDTH = 512
LIPREADING_CROP = 96  # pixels
NARROWEST_FITTED = {"lip": 2, "face": 9}  # the lips' picture and its change; the head's motion and one component


class FeatureSettings(Settings):
    """Lip and face features; the keys from `lip_crop` on are those of the backend `pca`."""

    lip: LipStream = Field(default=FittedStream(), description="lip features: pca, resnet18 or import")
    face: FaceStream = Field(default=FittedStream(), description="face features: pca or import")
    fit_on: tuple[str, ...] = Field(default=(), description="corpora whose training clips the components are fitted on")
    lip_features: int = Field(default=LIPREADING_WIDTH, ge=1, description="width of a frame's lip features")
    face_features: int = Field(default=256, ge=1, description="width of a frame's face features")
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

    @property
    def is_fitted(self) -> bool:
        """Whether a stream needs a transform that is fitted on training clips."""
        return "pca" in (self.lip.backend, self.face.backend)

    @property
    def needed(self) -> Needed | None:
        """The published weights of the lip features, where they have any."""
        if self.lip.backend != "resnet18":
            return None
        return Needed((self.lip.weights,), "lipreading", "lip: {backend: pca}")

    @property
    def folders(self) -> list[Path]:
        """The folders of the user's own features."""
        return [Path(stream.folder) for stream in (self.lip, self.face) if stream.backend == "import"]

    @model_validator(mode="after")
    def _widths_are_possible(self) -> FeatureSettings:
        if self.lip.backend == "resnet18" and self.lip_features != LIPREADING_WIDTH:
            raise ValueError(f"lip_features: the lip-reading ResNet-18 gives {LIPREADING_WIDTH}")
        widths = {"lip": self.lip_features, "face": self.face_features}
        for name, narrowest in NARROWEST_FITTED.items():
            if getattr(self, name).backend == "pca" and widths[name] < narrowest:
                raise ValueError(f"{name}_features: the backend pca gives at least {narrowest}")
        return self
