"""Charts as SVG that stretches, with labels in HTML that do not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape


class Plot:
    """Lines and stems over two axes."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float], log_x: bool = False) -> None:
        self.x, self.y, self.log_x = x, y, log_x
        self.paths: dict[str, str] = {}
        self.labels: list[str] = []
        self.grid = ""

    def across(self, x: float) -> float:
        """Thousandths of the width."""
        low, high = self.x
        if self.log_x:
            x, low, high = math.log(x), math.log(low), math.log(high)
        return 1000 * (x - low) / ((high - low) or 1)

    def down(self, y: float) -> float:
        """Thousandths of the height, from above."""
        low, high = self.y
        return 1000 * (high - min(max(y, low), high)) / ((high - low) or 1)

    def line(self, points: Sequence[tuple[float, float | None]], style: str) -> None:
        """A line through the points; None breaks it."""
        command, path = "M", ""
        for x, y in points:
            if y is None:
                command = "M"
                continue
            path += f"{command}{self.across(x):.1f} {self.down(y):.1f}"
            command = "L"
        self.paths[style] = self.paths.get(style, "") + path

    def stem(self, x: float, y: float, style: str) -> None:
        """A line from the bottom to y."""
        self.paths[style] = self.paths.get(style, "") + f"M{self.across(x):.1f} 1000V{self.down(y):.1f}"

    def x_tick(self, x: float, text: str) -> None:
        """A label under the chart."""
        self.labels.append(f'<span class="xt" style="left:{self.across(x) / 10:.2f}%">{escape(text)}</span>')

    def y_ticks(self, unit: float = 1.0) -> None:
        """Labels at the left, and lines."""
        for y in ticks(*self.y):
            at = self.down(y)
            self.grid += f"M0 {at:.1f}H1000"
            self.labels.append(f'<span class="yt" style="top:{at / 10:.2f}%">{y * unit:.3g}</span>')

    def html(self, y_title: str, x_title: str, in_words: str) -> str:
        """The chart. The titles are HTML."""
        paths = "".join(f'<path class="{style}" d="{d}"/>' for style, d in self.paths.items() if d)
        grid = f'<path class="grid" d="{self.grid}"/>' if self.grid else ""
        return (f'<div class="plot"><div class="ytitle">{y_title}</div><div class="area"><svg viewBox="0 0 1000 1000" '
                f'preserveAspectRatio="none" role="img" aria-label="{escape(in_words)}">{grid}{paths}</svg>'
                f'{"".join(self.labels)}</div><div class="xtitle">{x_title}</div></div>')


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """About `count` round numbers."""
    if not high > low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((n * power for n in (1, 2, 5) if n * power >= rough), 10 * power)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, int(math.floor(high / step + 1e-9)) + 1)]


def round_up(x: float) -> float:
    """The smallest round number that is not below x."""
    if not x > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(x))
    return next(n * power for n in (1, 2, 3, 4, 5, 6, 8, 10) if x <= n * power * (1 + 1e-9))
