"""gen3d: from a sentence to labelled 3D parts and a segmentation model."""

__version__ = "0.1.0"
