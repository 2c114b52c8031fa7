"""What a cubin says about its kernels: parameters, from the ELF sections that the driver reads, too; and what ptxas said."""

import re
import struct

_PARAMETER, _BLOCK = 0x17, 0x10  # EIATTR_KPARAM_INFO, EIATTR_REQNTID


def parameters(image):
    """For each kernel the sizes in bytes of its parameters in order, and its fixed block size (or None)."""
    sections_at, = struct.unpack_from("<Q", image, 0x28)
    count, names_index = struct.unpack_from("<HH", image, 0x3C)
    sections = [struct.unpack_from("<IIQQQQIIQQ", image, sections_at + 64 * i) for i in range(count)]
    names_at = sections[names_index][4]
    found = {}
    for section in sections:
        start = names_at + section[0]
        name = image[start : image.index(0, start)].decode()
        if name.startswith(".nv.info."):
            found[name[len(".nv.info.") :]] = _attributes(image, section[4], section[4] + section[5])
    return found


def _attributes(image, position, end):
    sizes, block = {}, None
    while position < end:
        form, attribute, length = struct.unpack_from("<BBH", image, position)
        position += 4
        if form != 4:
            continue
        if attribute == _PARAMETER:
            _, ordinal, _, flags = struct.unpack_from("<IHHI", image, position)
            sizes[ordinal] = flags >> 18
        elif attribute == _BLOCK:
            block = struct.unpack_from("<III", image, position)
        position += length
    return [sizes[ordinal] for ordinal in sorted(sizes)], block


def resources(log):
    """What `ptxas -v` printed, as the launch record's `resources`."""
    found, entry = [], None
    for line in log.splitlines():
        if start := re.search(r"Compiling entry function '([^']+)'", line):
            entry = {"entry": start[1], "registers": 0, "spill_stores": 0, "spill_loads": 0, "stack": 0, "static_shared": 0}
            found.append(entry)
        elif entry is None:
            continue
        elif stack := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line):
            # Functions that were not inlined have lines of their own: they count for the kernel.
            entry["stack"] = max(entry["stack"], int(stack[1]))
            entry["spill_stores"] += int(stack[2])
            entry["spill_loads"] += int(stack[3])
        elif used := re.search(r"Used (\d+) registers", line):
            entry["registers"] = int(used[1])
            if shared := re.search(r"(\d+) bytes smem", line):
                entry["static_shared"] = int(shared[1])
    return found
