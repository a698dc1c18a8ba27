"""What headers say beside their code about tests: why a mutant is not noticed, why a line is not covered.

    if (n <= 1 || i >= n) return i;  // equivalent: of one index the walk ends where it began

    // elsewhere x2: AddressSanitizer sees it
    index_t counts[pivots + 2] = {};

    equivalent   no test can notice: nothing that the library promises differs
    elsewhere    another build notices, a sanitizer's or one with relaxed arithmetic
    uncovered    no test runs it

At the end of a line the words are for that line, on a line of their own for the next. `x2`: for so many; one without
it.
"""

import re

NOTE = re.compile(r"// (equivalent|elsewhere|uncovered)(?: x(\d+))?: (\S.*)$")


def annotations(source):
    """{(line, word): (count, why)} of the lines of a header."""
    found, waiting = {}, []
    for number, line in enumerate(source, 1):
        note = NOTE.search(line)
        alone = line.lstrip().startswith("//")
        if note:
            waiting.append((note[1], int(note[2] or 1), note[3]))
        if alone or not line.strip():
            continue
        for word, count, why in waiting:
            found[number, word] = (count, why)
        waiting = []
    return found
