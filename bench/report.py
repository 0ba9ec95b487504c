"""Write down the results of the benchmarks: `bench/results.json`, the plots, and the tables in `docs/performance.md`."""

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
LEAST_BARS = 2
COLOURS = ("#c0392b", "#7f8c8d", "#2c3e50", "#bdc3c7")
BEGIN, END = "<!-- tables: made by bench -->", "<!-- end of the tables -->"


@dataclass
class Table:
    """A table. The first cell of a row is its name, and the others are numbers or words. The first `plotted` are plotted."""

    title: str
    columns: list[str]
    rows: list[list[Any]] = field(default_factory=list)
    plotted: int = 1

    def column(self, number: int) -> dict[str, float]:
        """Return a column's numbers, by the names of the rows."""
        rows = [row for row in self.rows if len(row) > number and not row[0].startswith("×")]
        return {row[0]: row[number] for row in rows if isinstance(row[number], (int, float))}

    @property
    def image(self) -> str:
        """The file name of the table's plot. Empty if there are too few bars for one."""
        name = "".join(letter if letter.isalnum() else "-" for letter in self.title.lower()).strip("-")
        return f"{name}.svg" if len(self.column(1)) >= LEAST_BARS else ""

    def markdown(self) -> str:
        """Return the table as Markdown."""
        cells = [[_rounded(cell) for cell in row] for row in self.rows]
        plot = f"\n![{self.title}](img/{self.image})\n" if self.image else ""
        return f"### {self.title}\n\n{tabulate(cells, self.columns, tablefmt='github', disable_numparse=True)}\n{plot}"


@dataclass
class Target:
    """A target, and what was measured."""

    what: str
    asked: str
    got: float
    met: bool


def machine() -> dict[str, str]:
    """Return a description of the machine that the numbers were measured on."""
    model = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?")
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    packages = {name: importlib.metadata.version(name) for name in ("mcp-models", "mcp", "openai", "httpx2")}
    return {
        "date": datetime.date.today().isoformat(),
        "commit": subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
        ).stdout.strip(),
        "machine": f"{os.cpu_count()} × {model}, {platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "node": node,
        **packages,
    }


def write(tables: list[Table], targets: list[Target], remarks: dict[str, str]) -> None:
    """Write the results, the plots and the page. Remarks on how it was measured follow the facts about the machine."""
    about = {**machine(), **remarks}
    record = {"about": about, "tables": [asdict(table) for table in tables], "targets": [asdict(target) for target in targets]}
    RESULTS.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text = markdown(about, tables, targets)
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    for image in IMAGES.glob("*.svg"):
        image.unlink()
    plot(tables)


def markdown(about: dict[str, str], tables: list[Table], targets: list[Target]) -> str:
    """Return the tables and the targets as Markdown."""
    facts = ", ".join(f"{name} {value}" for name, value in about.items() if name not in ("date", "commit", "machine"))
    rows = [[target.what, target.asked, f"{target.got:.3g}", "yes" if target.met else "**no**"] for target in targets]
    met = tabulate(rows, ["target", "asked", "got", "met"], tablefmt="github", disable_numparse=True)
    parts = [f"Measured on {about['date']} at {about['commit']}: {about['machine']}; {facts}.\n", f"### Targets\n\n{met}\n"]
    return "\n".join([*parts, *(table.markdown() for table in tables)])


def plot(tables: list[Table]) -> None:
    """Draw the first columns of each table as bars."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    matplotlib.rcParams["svg.hashsalt"] = "mcp-models"
    IMAGES.mkdir(parents=True, exist_ok=True)
    for table in tables:
        if not table.image:
            continue
        names = list(table.column(1))[::-1]
        height = 0.8 / table.plotted
        figure, axes = plt.subplots(figsize=(7, (0.25 + 0.2 * table.plotted) * len(names) + 1.2))
        for number in range(table.plotted):
            values = table.column(number + 1)
            places = [row + height * (table.plotted - 1 - number) for row in range(len(names))]
            colours = COLOURS[number] if table.plotted > 1 else [COLOURS[name != "mcp-models"] for name in names]
            label = table.columns[number + 1]
            bars = axes.barh(places, [values.get(name, 0) for name in names], height * 0.95, color=colours, label=label)
            axes.bar_label(bars, fmt="%.3g", padding=3, fontsize=8)
        axes.set_yticks([row + 0.4 - height / 2 for row in range(len(names))], names)
        axes.set_title(table.title if table.plotted > 1 else f"{table.title}: {table.columns[1]}", fontsize=10, loc="left")
        if table.plotted > 1:
            axes.legend(fontsize=8)
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
