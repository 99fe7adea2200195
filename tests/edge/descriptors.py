"""Takes away the process's free file descriptors for a while, as a leak or a low limit does."""

import contextlib
import gc
import os
import resource


@contextlib.contextmanager
def no_descriptors():
    """Inside the block no file, socket or pipe can be opened in this process; open ones go on."""
    gc.collect()  # a file that is collected later would free its descriptor
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
