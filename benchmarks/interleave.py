"""Times several things in alternation, as measure.hpp does."""

import time


def interleave(contenders, prepare, units, arguments, clock=time.perf_counter_ns):
    """ns per unit by contender and repeat; the order begins with another contender each time."""
    names = list(contenders)
    samples = {name: [] for name in names}
    begin, cpu = time.perf_counter(), time.process_time()
    for repeat in range(-1, 41):
        if repeat >= arguments.repeats and time.perf_counter() - begin > arguments.seconds:
            break
        for k in range(len(names)):
            name = names[(k + repeat + 1) % len(names)]
            prepare()
            start = clock()
            contenders[name]()
            spent = clock() - start
            if repeat >= 0:
                samples[name].append(round(spent / units, 5))
    share = (time.process_time() - cpu) / (time.perf_counter() - begin)
    return {"cpu_share": share, "samples": samples}
