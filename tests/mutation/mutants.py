"""The changes of a header that a mutation run tries: `mutants_of(name, source)`."""

import re

REMOVED = "(removed)"
OPERATORS = {"+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "&": ["|"], "|": ["&"], "&&": ["||"], "||": ["&&"],
             "^": ["&"], "<<": [">>"], ">>": ["<<"], "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="],
             ">=": [">", "<"], "==": ["!="], "!=": ["=="], "+=": ["-="], "-=": ["+="], "*=": ["/="]}
NUMBER = re.compile(r"(?<![\w.])(0x[0-9a-fA-F.]+(?:p[+-]?\d+)?|\d+\.\d*(?:e[+-]?\d+)?|\d+e[+-]?\d+|\d+)"
                    r"([fFuUlL]*)(?![\w.])")


class Mutant:
    def __init__(self, name, source, start, end, new):
        self.name = name
        self.line = source.count("\n", 0, start) + 1
        self.text = source[:start] + new + source[end:]
        first = source.rfind("\n", 0, start) + 1
        last = source.find("\n", end)
        self.before = " ".join(source[first:last].split())
        self.after = " ".join((source[first:start] + new + source[end:last]).split()) or REMOVED


def closing(code, start, pair="()"):
    """Index of what closes the bracket at `start`."""
    depth = 0
    for k in range(start, len(code)):
        depth += (code[k] == pair[0]) - (code[k] == pair[1])
        if depth == 0:
            return k
    return len(code) - 1


def blank(code, start, end):
    return code[:start] + re.sub(r"[^\n]", " ", code[start:end]) + code[end:]


def only_code(source):
    """The source with all that is not to be mutated turned into blanks, at the same places."""
    code = source
    for m in re.finditer(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|^[ \t]*#(?:\\\n|[^\n])*',
                         source, re.S | re.M):
        code = blank(code, m.start(), m.end())
    for m in re.finditer(r"\bconcept\s+\w+\s*=[^;{]*(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}[^;{]*)*;", code):
        code = blank(code, m.start(), m.end())
    for word, pair in ((r"\bstatic_assert\s*\(", "()"), (r"\brequires\s*\(", "()"), (r"\brequires\s*\{", "{}"),
                       (r"\btemplate\s*<", "<>"), (r"\balignas\s*\(", "()"), (r"\bnoexcept\s*\(", "()")):
        at = 0
        while m := re.compile(word).search(code, at):
            end = closing(code, m.end() - 1, pair) + 1
            code = blank(code, m.start(), end)
            at = end
    for m in re.finditer(r"\brequires\b[^\n{;]*|\boperator\s*[^\s\w(]+|\busing\b[^;]*;|[^\n]*CPPO_ROUNDED[^\n]*", code):
        code = blank(code, m.start(), m.end())
    return code


def numbers(code):
    for m in NUMBER.finditer(code):
        before = code[code.rfind("\n", 0, m.start()) + 1:m.start()]
        declares = re.search(r"(?:(\w+)|>)\s+\w+\[$", before)  # the size of an array
        if before.endswith(")[") or (declares and declares.group(1) != "return"):
            continue
        digits, suffix = m.groups()
        if digits.startswith("0x") and "p" not in digits:
            yield m.start(), m.end(), f"0x{int(digits, 16) + 1:x}{suffix}"
        elif re.search(r"[.ep]", digits):
            value = float.fromhex(digits) if digits.startswith("0x") else float(digits)
            if value == 0.0:
                yield m.start(), m.end(), f"1.0{suffix}"
            else:
                yield m.start(), m.end(), f"(2 * {m.group()})"
                if value == 1.0:
                    yield m.start(), m.end(), f"0.0{suffix}"
        else:
            yield m.start(), m.end(), f"{int(digits) + 1}{suffix}"
            if int(digits) > 0:
                yield m.start(), m.end(), f"{int(digits) - 1}{suffix}"


def operators(code):
    for m in re.finditer(r"(?<=\s)(\+=|-=|\*=|&&|\|\||<<|>>|<=|>=|==|!=|[-+*/&|^<>])(?=\s)", code):
        for new in OPERATORS[m.group()]:
            yield m.start(), m.end(), new
    for m in re.finditer(r"\+\+|--", code):
        yield m.start(), m.end(), "--" if m.group() == "++" else "++"
    for m in re.finditer(r"!(?=[\w(])|(?:(?<=[(\[{])|(?<=[,=?:] )|(?<=return ))-(?=[\w(])", code):
        yield m.start(), m.end(), ""


def conditions(code):
    for m in re.finditer(r"\bif \(", code):
        end = closing(code, m.end() - 1)
        yield m.end() - 1, end + 1, f"(!{{{m.end() - 1}:{end + 1}}})"
    for m in re.finditer(r"(?:(?<=\()|(?<= [=?:] )|(?<=, )|(?<=return ))(\w[\w.]*(?:\(\))?)(?= \? )", code):
        yield m.start(), m.end(), "!" + m.group()


def arguments(code):
    """select(m, b, a) for select(m, a, b); min(b, a) and max(a, b) for min(a, b)."""
    for m in re.finditer(r"(?<![\w.:])(?:std::)?(select|min|max)\(", code):
        end = closing(code, m.end() - 1)
        cuts, depth = [m.end()], 0
        for k in range(m.end(), end):
            depth += (code[k] in "([{") - (code[k] in ")]}")
            if code[k] == "," and depth == 0:
                cuts.append(k + 1)
        cuts.append(end + 1)
        parts = [(cuts[i], cuts[i + 1] - 1) for i in range(len(cuts) - 1)]
        if len(parts) < 2 or re.search(r"lane |\bV [a-z]\b", code[m.end():end]):  # a declaration
            continue
        (a, b), (c, d) = parts[-2:]
        yield a, d, f"{{{c}:{d}}},{{{a}:{b}}}"
        if m.group(1) != "select":
            yield m.start(1), m.end(1), "max" if m.group(1) == "min" else "min"


def statements(code):
    """Lines that are one statement without which the rest still makes sense."""
    at, before = 0, ";"
    rows = code.split("\n")
    for number, row in enumerate(rows):
        text = row.strip()
        begins = before[-1:] in ";{}:" or before.endswith("else")
        if text and begins and text.endswith(";") and row.startswith("  ") and text.count("(") == text.count(")") and \
                text.count("{") == text.count("}"):
            following = next((r.strip() for r in rows[number + 1:] if r.strip()), "")
            assigns = re.match(r"[A-Za-z_][\w.:>\[\]()-]*\s*(?:[-+*/|^&]|<<|>>)?=[^=]", text)
            calls = re.match(r"(?!return|if|for|while|throw|CPPO)[A-Za-z_][\w.:>-]*\(.*\);$", text)
            steps = re.match(r"(?:\+\+|--)|(?:break|continue);$", text)
            guards = re.match(r"(?:if|for) \(", text) and not following.startswith("else")
            if assigns or calls or steps or guards:
                start = at + len(row) - len(row.lstrip())
                yield start, at + len(row.rstrip()), ";" if before.endswith("else") else ""
        if text:
            before = text
        at += len(row) + 1


def mutants_of(name, source):
    code = only_code(source)
    seen = set()
    for kind in (numbers, operators, conditions, arguments, statements):
        for start, end, new in kind(code):
            new = re.sub(r"\{(\d+):(\d+)\}", lambda m: source[int(m.group(1)):int(m.group(2))], new)
            if (start, end, new) not in seen:
                seen.add((start, end, new))
                yield Mutant(name, source, start, end, new)
