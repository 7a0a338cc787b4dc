"""Write numbers and texts for people. Numbers in percent are fractions here."""

import re
import sys
import unicodedata
from math import isfinite, isnan

MISSING = "-"
DIGITS = 4  # significant digits of a plain number
SPREADS = {  # the numbers that may follow the ±
    "seed_std": "standard deviation over seeds",
    "interval": "95 % t-interval of the mean",
    "test_se": "standard error of the test samples",
    "batch_std": "standard deviation over test batches of 256, as the paper has it",
}


def percent(mean: float, spread: float = float("nan")) -> str:
    """0.8891, 0.0213 -> "88.9 ± 2.1": at most two decimals, with a ± as many as its two significant digits have."""
    if isnan(mean):
        return MISSING
    if isnan(spread):
        return f"{100 * mean:.2f}"
    places = min(2, _places(100 * spread, 2))
    return f"{100 * mean:.{places}f} ± {100 * spread:.{places}f}"


def _places(number: float, digits: int) -> int:
    """The decimals of a number with so many significant digits: 0.2134, 2 -> 2; 11.99, 2 -> 0. Zero has all."""
    if not number:
        return sys.float_info.dig
    return max(0, digits - 1 - int(f"{number:.{digits - 1}e}".partition("e")[2]))


def points(difference: float) -> str:
    """0.0123 -> "+1.23": a difference of two fractions in percentage points, with its sign."""
    return MISSING if isnan(difference) else f"{round(100 * difference, 2) + 0.0:+.2f}"  # 0.0: no -0.00


def number_text(mean: float, spread: float = float("nan")) -> str:
    """4.83, 0.1631 -> "4.83 ± 0.16": four significant digits, with a ± as many decimals as its two significant digits
    have. Whole numbers keep all their digits."""
    if isnan(mean):
        return MISSING
    if not isfinite(spread):
        return f"{mean:{_format(mean)}}"
    spread = 0.0 if spread < 1e-9 * abs(mean) else spread  # a rounding error
    larger = max(abs(mean), spread)
    if _format(larger).endswith("e"):
        exponent = f"{larger:{_format(larger)}}".partition("e")[2]
        scale = float(f"1e{exponent}")
        return f"({number_text(mean / scale, spread / scale)})e{exponent}"
    places = min(_places(larger, DIGITS), _places(spread, 2)) if larger else DIGITS - 1
    return f"{mean:.{places}f} ± {spread:.{places}f}"


def decimals(difference: float, beside: float) -> str:
    """-0.2134, 4.83 -> "-0.213": a difference with its sign and the decimals of a number beside it."""
    return MISSING if isnan(difference) else f"{difference:+{_format(beside)}}"


def _format(number: float) -> str:
    """The format of a plain number: with an exponent if it is very small or large."""
    if not number or not isfinite(number):
        return f".{DIGITS - 1}f"
    exponent = int(f"{number:.{DIGITS - 1}e}".partition("e")[2])
    return f".{max(0, DIGITS - 1 - exponent)}f" if -5 < exponent < 7 else f".{DIGITS - 1}e"


def p_value(p: float) -> str:
    """0.0156 -> "0.016", 0.0002 -> "< 0.001"."""
    if isnan(p):
        return MISSING
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"


def p_is(p: float) -> str:
    """0.0156 -> "p = 0.016", 0.0002 -> "p < 0.001"."""
    return f"p {'' if p < 0.001 else '= '}{p_value(p)}"


def duration(seconds: float) -> str:
    """Seconds with fitting units: 20 ms, 1.8 s, 4 min 10 s, 1 h 12 min."""
    if seconds < 59.95:
        return f"{seconds:.1f} s" if seconds >= 0.1 else f"{1000 * seconds:.0f} ms"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def count(number: float, thing: str) -> str:
    """1, "seed" -> "1 seed"; 5, "seed" -> "5 seeds". number: whole, of any numeric type."""
    return f"{int(number):,} {thing}" + ("" if number == 1 else "s")


def inert(text: str) -> str:
    """The text in one line without characters that a terminal obeys: each becomes its escape, as in Python."""
    if text.isprintable():
        return text
    obeyed = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    return "".join(ascii(c)[1:-1] if c in obeyed else c for c in text)


def markdown_text(text: str) -> str:
    """The text for Markdown that shows it as it is: no HTML, no link, no image."""
    return re.sub(r"([\\`*_\[\]<>!#|&~$])", r"\\\1", inert(text))


def markdown_code(text: str) -> str:
    """The text as a block of code in Markdown."""
    fence = "`" * max(3, *(len(ticks) + 1 for ticks in re.findall("`+", text)), 0)
    return f"{fence}\n{inert(text)}\n{fence}"


def spreadsheet_text(text: str) -> str:
    """The text for a cell of a CSV file: a ' stands before one that a spreadsheet would take for a formula."""
    formula = text[:1] in tuple("=+-@\t\r") and not re.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?|-", text)
    return f"'{text}" if formula else text
