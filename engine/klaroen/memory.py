"""What a process holds in memory stays there: texts, numbers and secrets are in no core dump.

Law: called first, by every process that holds any of them. The limit alone does not stop a kernel that pipes its cores
to a program; a process that is not dumpable gives none, and lets nobody but root look into it.
Source: core(5), prctl(2), PR_SET_DUMPABLE.
"""

import ctypes
import resource
from typing import Final

PR_SET_DUMPABLE: Final = 4


def dump_no_core() -> None:
    """Keep this process's memory out of files. Raises OSError where the kernel does not do as it is told."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE)")
