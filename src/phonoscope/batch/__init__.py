"""Many files, each in a process of its own; and what is written of each.

The numeric rooms are imported by the processes, so that importing this costs nothing.
"""

from phonoscope.batch.listing import holds_images, is_image, is_table, videos_in
from phonoscope.batch.many import recover_many
from phonoscope.batch.outcome import Outcome, Running, Standing
from phonoscope.batch.saving import made_here, source_path, version_path, write_beside, write_json
from phonoscope.batch.settings import OPTIONS

__all__ = [
    "OPTIONS",
    "Outcome",
    "Running",
    "Standing",
    "holds_images",
    "is_image",
    "is_table",
    "made_here",
    "recover_many",
    "source_path",
    "version_path",
    "videos_in",
    "write_beside",
    "write_json",
]
