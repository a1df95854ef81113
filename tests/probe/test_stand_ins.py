"""Notebooks go on after a call that was answered by a stand-in; each group of lines runs in a process of its own."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from grader.rubric.stand_ins import load_stand_ins

ROOT = Path(__file__).resolve().parents[2]
START = """
import json, random, sys, warnings
warnings.simplefilter("ignore")
import matplotlib
matplotlib.use("Agg")
{before}
from grader_probe import shims, stand_ins
sys.meta_path.insert(0, shims._Watcher())
stand_ins.install(json.loads({calls!r}))
import numpy as np, pandas as pd
table = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 4)), columns=list("abcd")).assign(kind=["x", "y"] * 15)
numbers = table[list("abcd")]
said = {{}}
drawn = []
def state():
    return str([part if np.isscalar(part) else part.tolist() for part in np.random.get_state()]), random.getstate()
def count_grids():
    import functools, seaborn.axisgrid as grids, seaborn.matrix
    for grid in (grids.PairGrid, grids.JointGrid, grids.FacetGrid, seaborn.matrix.ClusterGrid):
        @functools.wraps(grid.__init__)
        def counted(self, *args, made=grid.__init__, **kwargs):
            drawn.append(type(self).__name__)
            made(self, *args, **kwargs)
        grid.__init__ = counted
"""
END = """
said["used"] = stand_ins.USED
said["modules"] = [name for name in ("numba", "umap.spectral") if name in sys.modules]
print(json.dumps(said))
"""
UMAP = """
{imports}
before = state()
reducer = {name}(n_neighbors=5, min_dist=0.3, random_state=1)
plane = reducer.fit_transform(numbers)
assert plane.shape == (30, 2) and plane.dtype == np.float32 and np.isfinite(plane).all()
assert np.allclose(reducer.transform(numbers), plane)
assert reducer.fit(numbers.to_numpy()).embedding_.shape == (30, 2)
assert reducer.n_neighbors == 5 and "random_state=1" in repr(reducer)
assert isinstance(reducer, {name})
import torch
assert {name}(n_components=5, random_state=1).fit_transform(torch.rand(30, 1)).shape == (30, 5)
assert state() == before
assert {name}(15, 3).fit(numbers).transform(numbers).shape == (30, 3)
after = state()
assert before != after, "the real one would have drawn from everybody's generator"
"""
REAL_UMAP = """
import umap
def after(work):
    np.random.seed(5), random.seed(5)
    return work(), state()
data = pd.DataFrame(np.random.default_rng(1).normal(size=(80, 4)))
quick = {width: after(lambda: umap.UMAP(n_components=width).fit(data))[1] for width in (2, 3)}
said["quick"] = "numba" not in sys.modules
reducer = umap.UMAP().fit(data)
assert reducer.graph_.shape == (80, 80), "only a real fit has it"
assert reducer.embedding_.shape == (80, 2)
assert type(reducer) is type(umap.UMAP()), "from now on as before"
real = sys.modules["umap.umap_"]
from umap import AlignedUMAP
for width, expected in quick.items():
    found = reducer._load()
    assert after(lambda: found(n_components=width).fit(data))[1] == expected
for bad, expected in ((dict(n_neighbours=3), TypeError), (dict(n_components="two"), ValueError)):
    try:
        umap.UMAP(**bad).fit(data)
    except expected:
        continue
    raise AssertionError(bad)
try:
    umap.UMAP().fit(data.where(data > 0))
except ValueError as problem:
    assert "NaN" in str(problem)
else:
    raise AssertionError("missing numbers")
class Own(umap.UMAP):
    pass
assert issubclass(Own, found)
"""
TSNE = """
from sklearn.manifold import TSNE, Isomap
from sklearn.base import clone
import inspect
real = TSNE.__mro__[1]
assert inspect.signature(TSNE) == inspect.signature(real) and repr(TSNE(3)) == "TSNE(n_components=3)"
for options in ({}, {"init": "random"}, {"n_components": 1, "perplexity": 5}):
    states = []
    for kind in (TSNE, real):
        np.random.seed(3)
        model = clone(kind(**{"perplexity": 10} | options))
        assert model.fit_transform(numbers).shape == (30, options.get("n_components", 2))
        assert model.embedding_.dtype == np.float32 and model.kl_divergence_ >= 0 and model.n_iter_ > 0
        states.append(state())
    assert states[0] == states[1]
for bad in ({"perplexity": 40}, {"init": "none"}):
    try:
        TSNE(**bad).fit(numbers)
    except ValueError:
        continue
    raise AssertionError(bad)
assert Isomap.__module__.startswith("sklearn")
"""
NOT_DRAWN = """
import seaborn as sns, matplotlib.pyplot as plt
count_grids()
g = sns.pairplot(table, hue="kind", diag_kind="kde")
g.fig.suptitle("all")
g.figure.set_size_inches(3, 3)
assert g.set(xlabel="a").tick_params(rotation=30).map_lower(sns.kdeplot, levels=4).add_legend() is g
grid = sns.PairGrid(numbers)
grid.map_diag(plt.hist)
grid.map_offdiag(plt.scatter)
sns.FacetGrid(data=table, col="kind").map(plt.hist, "a").set_titles("{col_name}").add_legend()
joint = sns.jointplot(data=table, x="a", y="b", kind="hex")
joint.plot_joint(sns.kdeplot).set_axis_labels("A", "B")
for plot in (sns.relplot, sns.displot, sns.lmplot):
    plot(data=table, x="a", **({} if plot is sns.displot else {"y": "b"}), hue="kind").tight_layout()
sns.catplot(data=table, x="kind", y="a", kind="box")
sns.clustermap(numbers.corr())
pd.plotting.scatter_matrix(numbers, figsize=(4, 4))
assert isinstance(g, sns.PairGrid) and isinstance(grid, sns.PairGrid) and isinstance(joint, sns.JointGrid)
assert sns.PairGrid.__name__ == "PairGrid" and sns.pairplot.__doc__
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.user_ns.update(sns=sns, table=table, g=g)
for cell in ("sns.pairplot(table)", "g", "g.fig", "g.fig.suptitle('more')", "print(g)"):
    assert shell.run_cell(cell).success
plt.title("a title of the current figure")
plt.show()
assert drawn == [] and plt.get_fignums() == []
"""
LOOKED_AT = """
import seaborn as sns, matplotlib.pyplot as plt
from matplotlib.axes import Axes
count_grids()
frame = table.copy()
g = sns.pairplot(frame, hue="kind")
g.fig.suptitle("all")
title = g.fig.suptitle("in all")
g.map_upper(sns.scatterplot).set(ylim=(0, 1))
frame.drop(columns=list("abc"), inplace=True)
assert drawn == []
assert g.axes.shape == (4, 4) and isinstance(g.axes[0, 1], Axes)
assert drawn == ["PairGrid"]
assert g.fig._suptitle.get_text() == title.get_text() == "in all" and title.get_fontsize() > 0
assert g.axes[3, 0].get_ylim() == (0, 1)
assert [text.get_text() for text in g._legend.texts] == ["x", "y"]
for ax in g.axes.flat:
    ax.tick_params(rotation=30)
g.legend.remove()
g.fig.savefig(sys.argv[1])
assert sns.jointplot(data=table, x="a", y="b").ax_joint.get_xlabel() == "a"
assert [ax.get_title() for ax in sns.FacetGrid(table, col="kind").axes.flat] == ["kind = x", "kind = y"]
facets = sns.FacetGrid(table, col="kind")
facets.fig.dpi = 77
assert facets.fig.dpi == 77 and set(facets.axes_dict) == {"x", "y"}
relations = sns.relplot(data=table, x="a", y="b", hue="kind")
sns.move_legend(relations, "upper left")
assert relations.ax.get_xlabel() == "a"
assert sns.clustermap(numbers.corr()).ax_heatmap.get_xticklabels()
matrix = pd.plotting.scatter_matrix(numbers)
assert matrix[0, 1].get_xlabel() == "b" and np.asarray(matrix).shape == (4, 4) and len(matrix) == 4
assert [ax for row in pd.plotting.scatter_matrix(numbers) for ax in row][0].figure
plt.show()
sns.pairplot(table)
assert len(plt.gcf().axes) >= 16, "whoever asks for the current figure gets it"
plt.close()
sns.pairplot(table, hue="kind")
plt.gca().figure.legends[0].remove()
class Own(sns.FacetGrid):
    pass
assert type(Own(table, col="kind")).__name__ == "Own" and issubclass(Own, sns.FacetGrid)
assert len(sns.scatterplot(data=table, x="a", y="b", ax=plt.figure().gca()).collections) == 1
"""
IN_DOUBT = """
import seaborn as sns, matplotlib.pyplot as plt
called, failed = [], []
sns.FacetGrid(table, col="kind").map(lambda *a, **k: called.append(len(a[0])), "a")
assert called == [15, 15], "a function of the student's own is called"
for wrong in (
    lambda: sns.pairplot(table, hue="sort"),
    lambda: sns.pairplot(table, vars=["a", "z"]),
    lambda: sns.pairplot(table, bins=3),
    lambda: sns.pairplot(numbers.to_numpy()),
    lambda: sns.pairplot(table[["kind"]]),
    lambda: sns.jointplot(data=table, x="a", y="nothing"),
    lambda: sns.clustermap(table),
    lambda: sns.PairGrid(),
    lambda: sns.PairGrid(numbers).no_such_method,
):
    try:
        wrong()
    except Exception as problem:
        failed.append(type(problem).__name__)
said["failed"] = failed
def strips():
    return sns.catplot(data=table, x="kind", y="a")
def draws(work):
    before = state()
    work()
    return state() != before
assert draws(strips), "jitter is drawn as ever"
assert draws(lambda: sns.FacetGrid(table, col="kind").map(sns.stripplot, "a"))
assert draws(lambda: sns.lmplot(data=table, x="a", y="b", x_jitter=0.1))
joined = sns.jointplot(x=table.a, y=table.b)
assert joined.ax_joint.collections
"""
REAL_DRAWS = """
import seaborn as sns, matplotlib.pyplot as plt
kinds = {"relplot": ["scatter", "line"], "displot": ["hist", "kde", "ecdf"], "jointplot": ["scatter", "kde", "reg"]}
kinds["catplot"] = ["box", "violin", "boxen", "point", "bar", "swarm"]
before = state()
for name, ways in kinds.items():
    for kind in ways:
        y = {} if name == "displot" else {"y": "b"}
        getattr(sns, name)(data=table, x="kind" if name == "catplot" else "a", kind=kind, **y)
        assert state() == before, (name, kind)
sns.pairplot(table, hue="kind"), sns.lmplot(data=table, x="a", y="b"), sns.clustermap(numbers)
pd.plotting.scatter_matrix(numbers), sns.PairGrid(numbers).map(sns.kdeplot), sns.JointGrid(data=table, x="a", y="b")
assert state() == before
"""
FIGURES = """
import matplotlib.pyplot as plt
figure, ax = plt.subplots()
figure.canvas.draw = figure.savefig = None  # nobody draws it
plt.show(block=False)
plt.pause(1e9)
assert plt.get_fignums() == [1]
plt.show()
assert plt.get_fignums() == []
ax.set_title("it can still be worked on")
from matplotlib_inline import backend_inline
plt.plot([1, 2])
backend_inline.show._to_draw = [plt.gcf()]
backend_inline.flush_figures()
assert plt.get_fignums() == [] and backend_inline.show._to_draw == []
plt.plot([1, 2])
backend_inline.show()
assert plt.get_fignums() == []
"""
PLOTLY = """
import plotly.io
assert plotly.io.show("a figure") is None
assert plotly.io.drawn == []
"""


needs_umap = pytest.mark.skipif(importlib.util.find_spec("umap") is None, reason="notebooks may plot with umap")


def run(tmp_path: Path, lines: str, *, before: str = "", calls: dict[str, str] | None = None) -> dict[str, Any]:
    """What a process says at the end that starts the probe's stand-ins and then runs these lines."""
    shutil.copytree(ROOT / "grader" / "probe", tmp_path / "parent" / "grader_probe")
    listed = json.dumps(dict(load_stand_ins(ROOT / "rubrics")) if calls is None else calls)
    program = START.format(before=before, calls=listed) + lines + END
    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = {"PYTHONPATH": str(tmp_path / "parent"), "HOME": str(tmp_path), **dict.fromkeys(names, "1")}
    command = [sys.executable, "-c", program, str(tmp_path / "plot.png")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@needs_umap
@pytest.mark.slow
@pytest.mark.parametrize(
    ("imports", "name"),
    [("import umap", "umap.UMAP"), ("from umap import UMAP", "UMAP"), ("import umap.umap_ as u", "u.UMAP")],
)
def test_an_embedding_costs_nothing(tmp_path: Path, imports: str, name: str) -> None:
    """Of the right shape and finite, and the package that compiles is not even imported."""
    found = run(tmp_path, UMAP.replace("{imports}", imports).replace("{name}", name))
    assert found["used"] == ["umap.umap_.UMAP" if name == "u.UMAP" else "umap.UMAP"]
    assert found["modules"] == []


@needs_umap
@pytest.mark.slow
def test_whatever_only_the_real_umap_has_or_refuses_comes_from_the_real_umap(tmp_path: Path) -> None:
    """After it, random numbers go on as after the stand-in."""
    assert run(tmp_path, REAL_UMAP)["quick"]


@pytest.mark.slow
def test_t_sne_is_scikit_learn_s_own_without_the_descent(tmp_path: Path) -> None:
    """It refuses what that refuses, and draws the same random numbers."""
    assert run(tmp_path, TSNE)["used"] == ["sklearn.manifold.TSNE"]


@pytest.mark.slow
@pytest.mark.parametrize("before", ["", "import seaborn, matplotlib.pyplot, pandas"], ids=["later", "before"])
def test_plots_that_nobody_looks_at_are_not_drawn(tmp_path: Path, before: str) -> None:
    """Titles, sizes, further maps, and cells that end with a plot are no looks; imports may come first or later."""
    found = run(tmp_path, NOT_DRAWN, before=before)
    named = {name for name, kind in load_stand_ins(ROOT / "rubrics").items() if kind == "figure"}
    assert named - set(found["used"]) == {"seaborn.JointGrid"}
    assert "matplotlib.pyplot.show" in found["used"]


@pytest.mark.slow
def test_whoever_looks_at_a_plot_finds_the_real_one(tmp_path: Path) -> None:
    """With all that was done to it before, of the data as they were."""
    run(tmp_path, LOOKED_AT)
    assert (tmp_path / "plot.png").stat().st_size > 10_000


@pytest.mark.slow
def test_in_doubt_the_call_is_made(tmp_path: Path) -> None:
    """Calls that fail do so at once, and what draws random numbers or calls the student's code does so at once."""
    found = run(tmp_path, IN_DOUBT)
    assert found["failed"][:3] == ["KeyError", "KeyError", "TypeError"]
    assert len(found["failed"]) == 9


@pytest.mark.slow
def test_plots_that_are_stood_in_for_draw_no_random_numbers(tmp_path: Path) -> None:
    """So that the random numbers of a notebook are the same with and without stand-ins."""
    run(tmp_path, REAL_DRAWS, calls={})


@pytest.mark.slow
def test_figures_of_a_cell_are_closed_without_being_drawn(tmp_path: Path) -> None:
    """As the inline backend would draw and close them when the cell ends."""
    found = run(tmp_path, FIGURES)
    assert "matplotlib_inline.backend_inline.flush_figures" in found["used"]


@pytest.mark.slow
def test_a_module_that_is_imported_late_is_patched(tmp_path: Path) -> None:
    """One that is not installed stays what it is."""
    package = tmp_path / "parent" / "plotly"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "io.py").write_text("drawn = []\ndef show(figure):\n    drawn.append(figure)\n")
    shutil.copytree(ROOT / "grader" / "probe", tmp_path / "parent" / "grader_probe")
    shutil.move(tmp_path / "parent", tmp_path / "packages")
    found = run(tmp_path, PLOTLY, before=f"sys.path.insert(0, {str(tmp_path / 'packages')!r})")
    assert found["used"] == ["plotly.io.show"]


@pytest.mark.slow
def test_nothing_is_stood_in_for_by_default(tmp_path: Path) -> None:
    """Without a list every call is made."""
    lines = (
        "before = list(sys.meta_path), dict(shims.PATCHES)\n"
        "stand_ins.install({})\nstand_ins.install({'nodot': 'figure', 'a.b': 'no such kind'})\n"
        "assert (list(sys.meta_path), dict(shims.PATCHES)) == before\n"
    )
    assert run(tmp_path, lines, calls={})["used"] == []
