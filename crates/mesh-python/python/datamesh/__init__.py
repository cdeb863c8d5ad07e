"""Policy-as-code for data products; see :mod:`datamesh.governance`."""

from ._native import __version__

__all__ = ["__version__"]
