"""Annotation formats: how data sets are written down, and how to add a format (`register`)."""

from importlib import metadata

from actionclip.data.formats import benchmarks, exports, lists, table
from actionclip.data.formats.annotation_file import AnnotationFile
from actionclip.data.formats.registry import FORMATS, Content, Format, Row, register

__all__ = ["FORMATS", "AnnotationFile", "Content", "Format", "Row", "register"]

for module in (table, lists, exports, benchmarks):  # the most general first: it is tried last
    for built_in in module.FORMATS:
        register(built_in)

for _point in metadata.entry_points(group="actionclip.formats"):
    try:
        register(_point.load())
    except Exception as error:  # whatever another package does when it is imported
        raise ValueError(f"format {_point.name!r} ({_point.value}): {error}") from error
