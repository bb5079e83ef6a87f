"""A card of a metal halide says that its energies are against a molecule in the gas."""

from dataclasses import replace

from peropass.report.collect import collect
from peropass.report.payload import card


def test_metal_halides_name_their_reference_and_others_do_not(made):
    one = next(e for e in collect(made).evidence if e.candidate is not None)

    def shown(smiles):
        return card(
            replace(one, candidate=one.candidate.model_copy(update={"model_smiles": smiles}))
        )["reference"]

    assert "molecule PbBr2 in the gas" in shown("[Pb+2].[Br-].[Br-]")
    assert shown("C[NH3+].[Br-]") == ""
