"""Figures of levels: what they show follows the trap report, and the same input gives the same text."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from level_model import (
    GAP,
    LIGAND,
    TOP_BROMINE,
    Model,
    dangling_lead,
    ligand_level,
    pristine,
    vacancy,
)

from peropass.analysis.levels import projected_density
from peropass.analysis.surface_thermo import Phases, chemical_window
from peropass.analysis.traps import assess
from peropass.report.electronic_figures import density_figure, state_figure
from peropass.report.level_diagram import (
    STYLES,
    diagram_panels,
    figure_svg,
    level_diagram_svg,
    save_level_diagram,
)
from peropass.report.surface_figures import window_figure


@pytest.fixture(scope="module")
def case():
    """Pristine slab, socket with a dangling lead, loaded slab with a ligand level; shifted differently."""
    socket = dangling_lead(vacancy(), 0.7).record(shift=0.4)
    loaded = ligand_level(Model(remove=[TOP_BROMINE], ligand=LIGAND, site="V-X"), 1.3)
    records = (pristine().record(), socket, loaded.record(shift=-0.9))
    return (*records, assess(*records))


def test_panels_put_all_slabs_on_the_axis_of_the_pristine_one(case):
    """However the three calculations are shifted, the host's edges come to lie at 0 and at the gap."""
    panels = diagram_panels(*case)
    assert [p.kind for p in panels] == ["scalar", "soc"]
    for panel in panels:
        assert panel.gap_eV == pytest.approx(GAP)
        for column in panel.columns:
            band = [level.energy_eV for level in column.levels if level.label == "band"]
            assert min(abs(e) for e in band) < 1e-3
            assert min(abs(e - GAP) for e in band) < 1e-3


def test_classified_levels_are_those_of_the_report(case):
    panel = diagram_panels(*case)[-1]
    inside = [
        [(lv.label, lv.energy_eV) for lv in column.levels if lv.label != "band"]
        for column in panel.columns
    ]
    assert inside == [
        [],
        [("localised-trap", pytest.approx(0.7))],
        [("ligand-level", pytest.approx(1.3))],
    ]
    json.dumps(panel.as_data())


def test_svg_is_well_formed_repeatable_and_names_units_and_coupling(case):
    svg = level_diagram_svg(*case, title="socket V-X")
    assert svg == level_diagram_svg(*case, title="socket V-X")
    words = " ".join(ElementTree.fromstring(svg).itertext())
    for text in ("(eV)", "with spin-orbit coupling", "without spin-orbit coupling", "passivated"):
        assert text in words
    assert "localised trap" in words
    assert not re.search(r"\d{4}-\d{2}-\d{2}T", svg)


def test_classes_differ_in_colour_line_and_letter():
    """The figure must read without colour: no two classes share letter, none two share colour."""
    classes = {name: style for name, style in STYLES.items() if style[3]}
    assert len({style[0] for style in classes.values()}) == len(classes)
    assert len({style[3] for style in classes.values()}) == len(classes)
    assert len({(str(style[1]), style[2]) for style in classes.values()}) == len(classes)


def test_pdf_is_written(case, tmp_path):
    path = save_level_diagram(tmp_path / "levels.pdf", *case)
    assert path.read_bytes().startswith(b"%PDF")


def test_density_of_states_and_slice_have_units(case):
    record = case[1]
    grid = np.linspace(-5, 1, 200)
    figure = density_figure(
        grid,
        projected_density(record, "soc", "layer", grid),
        projected_density(record, "soc", "orbital", grid),
        zero_eV=-2.6,
        gap_eV=GAP,
    )
    svg = figure_svg(figure)
    for text in ("states / (eV cell)", "(eV)", "layer 1", "Pb 6p"):
        assert text in svg
    cut = state_figure(np.ones((4, 8)), np.array([5.0, 10.0]), atoms=[("Pb", 1.0, 2.0)])
    assert "pseudo density" in figure_svg(cut)


def test_surface_figure_names_each_phase_and_shades_the_window():
    """Two phases that lie on one another share a label; an empty window is not shaded and says so."""
    dmu = chemical_window(Phases(host=-17.3, ax=-6.0, bx2=-11.0)).grid(5)
    limits = {"PbBr2": dmu[0], "CsPb2Br5": -0.2, "Cs4PbBr6": -0.001, "CsBr": 0.0}

    def drawn(window, note=""):
        figure = window_figure(
            {"V-CsBr": (dmu, 1 + dmu)},
            limits,
            window_eV=window,
            salt="CsBr",
            ylabel="formation energy (eV)",
            note=note,
        )
        return figure, figure_svg(figure)

    figure, svg = drawn((-0.2, -0.001))
    for text in ("formation energy (eV)", ">PbBr2<", ">CsPb2Br5<", ">Cs4PbBr6, CsBr<", "V-CsBr"):
        assert text in svg
    low, high = figure.axes[0].get_xlim()
    assert low < dmu[0]
    assert high > 0.0
    assert len(figure.axes[0].patches) == 1
    empty, svg = drawn(None, "window empty")
    assert len(empty.axes[0].patches) == 0
    assert "window empty" in svg
