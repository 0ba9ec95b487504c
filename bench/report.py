"""Owns what the benchmarks write: `bench/results.json`, the tables, the plots, and the tables within `docs/performance.md`."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tabulate import tabulate

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results.json"
PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "img"
LEAST_BARS = 3
BEGIN, END = "<!-- tables: made by bench -->", "<!-- end of the tables -->"


@dataclass
class Table:
    """A table: the first cell of a row is its name, the others are numbers or words."""

    title: str
    columns: list[str]
    rows: list[list[Any]] = field(default_factory=list)

    def column(self, number: int) -> dict[str, float]:
        """A column's numbers by the rows' names."""
        return {row[0]: row[number] for row in self.rows if isinstance(row[number], (int, float))}

    @property
    def image(self) -> str:
        """The name of its plot; empty if there are too few bars for one."""
        name = "".join(letter if letter.isalnum() else "-" for letter in self.title.lower()).strip("-")
        return f"{name}.svg" if len(self.column(1)) >= LEAST_BARS else ""

    def markdown(self) -> str:
        """The table for a page."""
        cells = [[_rounded(cell) for cell in row] for row in self.rows]
        plot = f"\n![{self.title}](img/{self.image})\n" if self.image else ""
        return f"### {self.title}\n\n{tabulate(cells, self.columns, tablefmt='github', disable_numparse=True)}\n{plot}"


@dataclass
class Target:
    """What was asked for and what came out."""

    what: str
    asked: str
    got: float
    met: bool


def machine() -> dict[str, str]:
    """What the numbers were measured on."""
    model = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?")
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    packages = {name: importlib.metadata.version(name) for name in ("mcp-models", "mcp", "openai", "httpx2")}
    return {
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} × {model}, {platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "node": node,
        **packages,
    }


def write(tables: list[Table], targets: list[Target]) -> None:
    """Writes all of it."""
    about = machine()
    record = {"about": about, "tables": [asdict(table) for table in tables], "targets": [asdict(target) for target in targets]}
    RESULTS.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text = markdown(about, tables, targets)
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    plot(tables)


def markdown(about: dict[str, str], tables: list[Table], targets: list[Target]) -> str:
    """The tables for a page."""
    facts = ", ".join(f"{name} {value}" for name, value in about.items() if name not in ("date", "machine"))
    rows = [[target.what, target.asked, f"{target.got:.3g}", "yes" if target.met else "**no**"] for target in targets]
    met = tabulate(rows, ["target", "asked", "got", "met"], tablefmt="github", disable_numparse=True)
    parts = [f"Measured on {about['date']}: {about['machine']}; {facts}.\n", f"### Targets\n\n{met}\n"]
    return "\n".join([*parts, *(table.markdown() for table in tables)])


def plot(tables: list[Table]) -> None:
    """Draws the first column of each table, smaller being better where its title does not say otherwise."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    matplotlib.rcParams["svg.hashsalt"] = "mcp-models"
    IMAGES.mkdir(parents=True, exist_ok=True)
    for table in tables:
        values = table.column(1)
        if not table.image:
            continue
        figure, axes = plt.subplots(figsize=(7, 0.4 * len(values) + 1.2))
        names = list(values)[::-1]
        colours = ["#c0392b" if name == "mcp-models" else "#7f8c8d" for name in names]
        bars = axes.barh(names, [values[name] for name in names], color=colours)
        axes.bar_label(bars, fmt="%.3g", padding=3)
        axes.set_title(f"{table.title}: {table.columns[1]}", fontsize=10, loc="left")
        axes.margins(x=0.15)
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(IMAGES / table.image, bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)


def _rounded(cell: Any) -> str:
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.3g}"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
