"""Long labels in several lines, broken where their parts meet."""

import re

# a part ends after a separator, or before a bracket
PARTS = re.compile(r"(?<=[_ ,.])|(?=\[)")


def wrapped(label: str, width: int) -> str:
    """Break a label into lines of at most `width` letters.

    Examples
    --------
    >>> print(wrapped("coefficient_of_predictor[wind speed]", 26))
    coefficient_of_predictor
    [wind speed]
    >>> wrapped("mu", 26)
    'mu'
    """
    lines = [""]
    for part in filter(None, PARTS.split(label)):
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > width:
            lines.append("")
        lines[-1] += part
        while len(lines[-1].rstrip()) > width:
            lines[-1:] = [lines[-1][:width], lines[-1][width:]]
    return "\n".join(line.strip() for line in lines)
