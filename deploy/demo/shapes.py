"""A slice that structures are painted on, and the distances that describe structures."""

from dataclasses import dataclass

import numpy as np

from deploy.demo.noise import Image

# structures are painted in bent coordinates: windows have to be up to this much wider
BEND_MM = 14.0


@dataclass(slots=True)
class Canvas:
    """Values of a slice and the (bent) position of each of its pixels in mm, LPS."""

    x: Image
    y: Image
    values: Image
    axis_x: Image
    axis_y: Image
    bend_mm: float = BEND_MM

    def straight(self) -> "Canvas":
        """Return the same values under coordinates that are not bent: small windows are enough."""
        x, y = np.broadcast_arrays(self.axis_x[None, :], self.axis_y[:, None])
        return Canvas(x, y, self.values, self.axis_x, self.axis_y, 0.0)

    def moved(self, right: float, down: float) -> "Canvas":
        """Return the same values under coordinates that start elsewhere."""
        dx, dy = np.float32(right), np.float32(down)
        axes = self.axis_x - dx, self.axis_y - dy
        return Canvas(self.x - dx, self.y - dy, self.values, *axes, self.bend_mm)

    def near(self, x_mm: float, y_mm: float, reach_mm: float) -> "Canvas":
        """Return the part around a point; painting on it paints on the whole."""
        if self.bend_mm and self.values.size:
            # where the bent coordinates take the point, as far as its straight place tells
            row = min(int(np.searchsorted(self.axis_y, y_mm)), len(self.axis_y) - 1)
            column = min(int(np.searchsorted(self.axis_x, x_mm)), len(self.axis_x) - 1)
            x_mm -= float(self.x[row, column] - self.axis_x[column])
            y_mm -= float(self.y[row, column] - self.axis_y[row])
        reach = reach_mm + min(self.bend_mm, 5 + 0.14 * reach_mm)
        left, right = np.searchsorted(self.axis_x, (x_mm - reach, x_mm + reach))
        top, bottom = np.searchsorted(self.axis_y, (y_mm - reach, y_mm + reach))
        at = np.s_[top:bottom, left:right]
        axes = self.axis_x[left:right], self.axis_y[top:bottom]
        return Canvas(self.x[at], self.y[at], self.values[at], *axes, self.bend_mm)

    def paint(
        self, distance: Image, value: Image | float, *, soft: float = 1.6, opacity: float = 1.0
    ) -> None:
        """Cover what lies inside (distance < 0) with ``value``, over a soft edge of ``soft`` mm."""
        cover(self.values, coverage(distance, soft) * np.float32(opacity), value)

    def ellipse(
        self,
        centre: tuple[float, float],
        radii: tuple[float, float],
        value: Image | float,
        *,
        turn: float = 0,
        soft: float = 1.6,
        opacity: float = 1.0,
    ) -> None:
        """Paint an ellipse; ``turn`` in radians."""
        part = self.near(*centre, max(radii) + soft)
        part.paint(ellipse(part, centre, radii, turn), value, soft=soft, opacity=opacity)

    def ring(
        self,
        centre: tuple[float, float],
        radii: tuple[float, float],
        wall_mm: float,
        values: tuple[float, float],
        *,
        turn: float = 0,
    ) -> None:
        """Paint a wall (first value) with a lumen (second value)."""
        part = self.near(*centre, max(radii) + 2)
        distance = ellipse(part, centre, radii, turn)
        part.paint(distance, values[0])
        part.paint(distance + np.float32(wall_mm), values[1])

    def bar(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        radius_mm: float,
        value: float,
        *,
        opacity: float = 1.0,
        soft: float = 1.6,
    ) -> None:
        """Paint a straight stroke with round ends."""
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        reach = np.hypot(start[0] - end[0], start[1] - end[1]) / 2 + radius_mm + soft
        part = self.near(*middle, float(reach))
        part.paint(capsule(part, start, end) - radius_mm, value, opacity=opacity, soft=soft)


def coverage(distance: Image, soft: float) -> Image:
    """0 outside, 1 inside, a ramp of ``soft`` mm between."""
    alpha: Image = distance * np.float32(-1 / soft)
    alpha += np.float32(0.5)
    np.maximum(alpha, 0, out=alpha)
    np.minimum(alpha, 1, out=alpha)
    return alpha


def cover(values: Image, alpha: Image, value: Image | float) -> None:
    """Blend ``value`` into ``values``, in place."""
    change = value - values
    change *= alpha
    values += change


def ellipse(
    at: Canvas, centre: tuple[float, float], radii: tuple[float, float], turn: float = 0
) -> Image:
    """Distance (mm, about right near the edge, negative inside) to an ellipse."""
    dx, dy = at.x - np.float32(centre[0]), at.y - np.float32(centre[1])
    if turn:
        c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        dx, dy = dx * c + dy * s, dy * c - dx * s
    scaled = np.hypot(dx / np.float32(radii[0]), dy / np.float32(radii[1]))
    result: Image = (scaled - 1) * np.float32(min(radii))
    return result


def squarish(
    at: Canvas, centre: tuple[float, float], radii: tuple[float, float], square: float
) -> Image:
    """Distance to something between an ellipse (square 0) and a rounded box (square 1)."""
    u = ((at.x - np.float32(centre[0])) / np.float32(radii[0])) ** 2
    v = ((at.y - np.float32(centre[1])) / np.float32(radii[1])) ** 2
    oval, box = np.sqrt(u + v), np.sqrt(np.sqrt(u * u + v * v))
    result: Image = (oval + np.float32(square) * (box - oval) - 1) * np.float32(min(radii))
    return result


def capsule(at: Canvas, start: tuple[float, float], end: tuple[float, float]) -> Image:
    """Distance (mm) to a straight line from ``start`` to ``end``."""
    ex, ey = end[0] - start[0], end[1] - start[1]
    length2 = max(ex * ex + ey * ey, 1e-6)
    px, py = at.x - np.float32(start[0]), at.y - np.float32(start[1])
    t = np.clip((px * np.float32(ex) + py * np.float32(ey)) / np.float32(length2), 0, 1)
    result: Image = np.hypot(px - t * np.float32(ex), py - t * np.float32(ey))
    return result


def same_window(canvas: Canvas, part: Canvas, field: Image) -> Image:
    """Return the piece of ``field`` (as large as the canvas) under a part of the canvas."""
    rows, columns = part.values.shape
    if not rows or not columns:
        return field[:rows, :columns]
    top = int(np.searchsorted(canvas.axis_y, part.axis_y[0]))
    left = int(np.searchsorted(canvas.axis_x, part.axis_x[0]))
    return field[top : top + rows, left : left + columns]


def section(z_mm: float, centre_mm: float, radius_mm: float) -> float:
    """How wide an ellipsoid is in this slice: 1 in its middle, 0 beyond its ends."""
    rest = 1 - ((z_mm - centre_mm) / radius_mm) ** 2
    return float(np.sqrt(rest)) if rest > 0 else 0.0


def ramp(value: float, low: float, high: float) -> float:
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = min(max((value - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)
