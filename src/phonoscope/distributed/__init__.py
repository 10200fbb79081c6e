"""Work that is spread over the machines of a Dask cluster, or over processes of this one.

Dask itself is imported when a cluster is asked for. The numeric rooms are imported by those who
measure, so that importing this costs nothing.
"""

from phonoscope.distributed.cluster import Cluster
from phonoscope.distributed.hands import Hands, own_folder

__all__ = ["Cluster", "Hands", "own_folder"]
