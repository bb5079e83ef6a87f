# Everything that burns core-hours. One declared output per job, its record, written last; trajectories and engine
# output are undeclared siblings in a work folder that Snakemake never deletes, so a killed job resumes.


rule bulk:
    output:
        record=plan.path(paths.BULK),
    log:
        plan.log("bulk.{host}"),
    priority: 100
    conda:
        "../envs/peropass.yaml"
    resources:
        mem_mb=plan.memory("bulk"),
        runtime=plan.runtime("bulk"),
    params:
        address=plan.address,
        protocol=plan.energy_params,
        revision=plan.revision("bulk"),
        recompute=plan.recompute(paths.BULK),
    message:
        "equation of state of {wildcards.host}"
    shell:
        "python -m scripts.bulk --address {params.address:q} --protocol {params.protocol:q}"
        " --phase {wildcards.host:q} --revision {params.revision} --recompute {params.recompute:q}"
        " --out {output.record:q} >> {log:q} 2>&1"


rule reservoir:
    output:
        record=plan.path(paths.RESERVOIR),
    log:
        plan.log("reservoir.{host}"),
    priority: 20
    conda:
        "../envs/peropass.yaml"
    resources:
        mem_mb=plan.memory("reservoir"),
        runtime=plan.runtime("reservoir"),
    params:
        address=plan.address,
        protocol=plan.energy_params,
        phase=plan.salt,
        revision=plan.revision("bulk"),
        recompute=plan.recompute(paths.RESERVOIR),
    message:
        "equation of state of {params.phase}, reservoir of {wildcards.host}"
    shell:
        "python -m scripts.bulk --address {params.address:q} --protocol {params.protocol:q}"
        " --phase {params.phase:q} --folder phases --revision {params.revision}"
        " --recompute {params.recompute:q} --out {output.record:q} >> {log:q} 2>&1"


rule phase:
    input:
        host=plan.path(paths.BULK),
    output:
        record=plan.path(paths.PHASE),
    log:
        plan.log("phase.{host}.{phase}"),
    priority: 5
    conda:
        "../envs/peropass.yaml"
    resources:
        mem_mb=plan.memory("phase"),
        runtime=plan.runtime("phase"),
    params:
        address=plan.phase_address,
        protocol=plan.energy_params,
        revision=plan.revision("phase"),
        recompute=plan.recompute(paths.PHASE),
    message:
        "relax the ions of {wildcards.phase}"
    shell:
        "python -m scripts.phase --address {params.address:q} --protocol {params.protocol:q}"
        " --phase {wildcards.phase:q} --host {input.host:q} --revision {params.revision}"
        " --recompute {params.recompute:q} --out {output.record:q} >> {log:q} 2>&1"


rule bulk_metal:
    output:
        record=plan.path(paths.METAL),
    log:
        plan.log("metal.{host}.{metal}"),
    priority: 5
    conda:
        "../envs/peropass.yaml"
    resources:
        mem_mb=plan.memory("metal"),
        runtime=plan.runtime("metal"),
    params:
        address=plan.metal_address,
        protocol=plan.energy_params,
        revision=plan.revision("bulk"),
        recompute=plan.recompute(paths.METAL),
    message:
        "equation of state of metallic {wildcards.metal}"
    shell:
        "python -m scripts.bulk --address {params.address:q} --protocol {params.protocol:q}"
        " --phase {wildcards.metal:q} --folder phases --revision {params.revision}"
        " --recompute {params.recompute:q} --out {output.record:q} >> {log:q} 2>&1"


rule halogen:
    output:
        record=plan.path(paths.HALOGEN),
    log:
        plan.log("halogen.{host}.{halogen}"),
    priority: 5
    conda:
        "../envs/peropass.yaml"
    resources:
        mem_mb=plan.memory("halogen"),
        runtime=plan.runtime("halogen"),
    params:
        address=plan.halogen_address,
        protocol=plan.energy_params,
        revision=plan.revision("molecule"),
        recompute=plan.recompute(paths.HALOGEN),
    message:
        "gas-phase {wildcards.halogen}"
    shell:
        "python -m scripts.halogen --address {params.address:q} --protocol {params.protocol:q}"
        " --halogen {wildcards.halogen:q} --revision {params.revision}"
        " --recompute {params.recompute:q} --out {output.record:q} >> {log:q} 2>&1"


rule molecule:
    output:
        record=plan.path(paths.MOLECULE),
    log:
        plan.log("molecule.{host}.{candidate}"),
    priority: 30
    conda:
        "../envs/peropass.yaml"
    threads: plan.threads("molecule")
    resources:
        mem_mb=plan.memory("molecule"),
        runtime=plan.runtime("molecule"),
        tasks=plan.ranks("molecule"),
        mpi=plan.mpi("molecule"),
        launcher=plan.launcher("molecule"),
    params:
        address=plan.address,
        protocol=plan.energy_params,
        candidate=plan.candidate_params,
        library=plan.library_digest,
        halide=plan.halide,
        revision=plan.revision("molecule"),
        recompute=plan.recompute(paths.MOLECULE),
    message:
        "gas-phase reference of {wildcards.candidate}"
    shell:
        "{resources.launcher} -m scripts.molecule --address {params.address:q} --protocol {params.protocol:q}"
        " --candidate {params.candidate:q} --halide {params.halide:q} --revision {params.revision}"
        " --recompute {params.recompute:q} --out {output.record:q} >> {log:q} 2>&1"


rule reference:
    output:
        record=plan.path(paths.REFERENCE),
    log:
        plan.log("reference.{host}.{reference}"),
    priority: 20
    conda:
        "../envs/peropass.yaml"
    threads: plan.threads("reference")
    resources:
        mem_mb=plan.memory("reference"),
        runtime=plan.runtime("reference"),
        tasks=plan.ranks("reference"),
        mpi=plan.mpi("reference"),
        launcher=plan.launcher("reference"),
    params:
        address=plan.reference_address,
        protocol=plan.energy_params,
        smiles=plan.reference_smiles,
        revision=plan.revision("molecule"),
        recompute=plan.recompute(paths.REFERENCE),
    message:
        "gas-phase reference {params.smiles}"
    shell:
        "{resources.launcher} -m scripts.reference --address {params.address:q}"
        " --protocol {params.protocol:q} --smiles {params.smiles:q} --revision {params.revision}"
        " --recompute {params.recompute:q} --out {output.record:q} >> {log:q} 2>&1"


rule relax_clean:
    input:
        structure=plan.path(paths.CLEAN_BUILD),
    output:
        record=plan.path(paths.CLEAN),
    log:
        plan.log("relax.{host}.{termination}.{site}"),
    priority: 90
    conda:
        "../envs/peropass.yaml"
    threads: plan.threads("relax")
    resources:
        mem_mb=plan.memory("relax"),
        runtime=plan.runtime("relax"),
        tasks=plan.ranks("relax"),
        mpi=plan.mpi("relax"),
        launcher=plan.launcher("relax"),
    params:
        address=plan.address,
        protocol=plan.energy_params,
        lateral=plan.campaign.slab.lateral,
        revision=plan.revision("relax"),
        recompute=plan.recompute(paths.CLEAN),
    message:
        "relax clean slab {wildcards.host} {wildcards.termination} {wildcards.site}"
    shell:
        "{resources.launcher} -m scripts.relax --address {params.address:q} --protocol {params.protocol:q}"
        " --lateral {params.lateral:q} --structure {input.structure:q} --revision {params.revision}"
        " --recompute {params.recompute:q} --out {output.record:q} >> {log:q} 2>&1"


rule relax_loaded:
    input:
        poses=plan.path(paths.POSES),
    output:
        record=plan.path(paths.LOADED),
    log:
        plan.log("relax.{host}.{termination}.{site}.{candidate}.{pose}"),
    priority: 70
    conda:
        "../envs/peropass.yaml"
    threads: plan.threads("relax")
    resources:
        mem_mb=plan.memory("relax"),
        runtime=plan.runtime("relax"),
        tasks=plan.ranks("relax"),
        mpi=plan.mpi("relax"),
        launcher=plan.launcher("relax"),
    params:
        address=plan.address,
        protocol=plan.energy_params,
        lateral=plan.campaign.slab.lateral,
        revision=plan.revision("relax"),
        recompute=plan.recompute(paths.LOADED),
    message:
        "relax {wildcards.candidate} on {wildcards.site}, pose {wildcards.pose}"
    shell:
        "{resources.launcher} -m scripts.relax --address {params.address:q} --protocol {params.protocol:q}"
        " --lateral {params.lateral:q} --poses {input.poses:q} --pose {wildcards.pose:q}"
        " --revision {params.revision} --recompute {params.recompute:q} --out {output.record:q}"
        " >> {log:q} 2>&1"


rule fragment:
    input:
        loaded=plan.path(paths.LOADED),
    output:
        record=plan.path(paths.FRAGMENT),
    log:
        plan.log("fragment.{host}.{termination}.{site}.{candidate}.{pose}.{part}"),
    priority: 50
    conda:
        "../envs/peropass.yaml"
    threads: plan.threads("fragments")
    resources:
        mem_mb=plan.memory("fragments"),
        runtime=plan.runtime("fragments"),
        tasks=plan.ranks("fragments"),
        mpi=plan.mpi("fragments"),
        launcher=plan.launcher("fragments"),
    params:
        address=plan.fragment_address,
        protocol=plan.energy_params,
        revision=plan.revision("fragments"),
        recompute=plan.recompute(paths.FRAGMENT),
    message:
        "frozen {wildcards.part} of {wildcards.candidate}, pose {wildcards.pose}"
    shell:
        "{resources.launcher} -m scripts.fragment --address {params.address:q} --protocol {params.protocol:q}"
        " --loaded {input.loaded:q} --part {wildcards.part:q} --revision {params.revision}"
        " --recompute {params.recompute:q} --out {output.record:q} >> {log:q} 2>&1"


rule levels_clean:
    input:
        relaxed=plan.path(paths.CLEAN),
    output:
        record=plan.path(paths.CLEAN_LEVELS),
    log:
        plan.log("levels.{host}.{termination}.{site}"),
    priority: 40
    conda:
        "../envs/peropass.yaml"
    resources:
        mem_mb=plan.memory("levels"),
        runtime=plan.runtime("levels"),
    params:
        address=plan.address,
        protocol=plan.levels_params,
        revision=plan.revision("levels"),
        recompute=plan.recompute(paths.CLEAN_LEVELS),
    message:
        "levels of clean slab {wildcards.site}"
    shell:
        "python -m scripts.levels --address {params.address:q} --protocol {params.protocol:q}"
        " --relaxed {input.relaxed:q} --revision {params.revision}"
        " --recompute {params.recompute:q} --out {output.record:q} >> {log:q} 2>&1"


rule levels_loaded:
    input:
        relaxed=plan.path(paths.LOADED),
    output:
        record=plan.path(paths.LOADED_LEVELS),
    log:
        plan.log("levels.{host}.{termination}.{site}.{candidate}.{pose}"),
    priority: 45
    conda:
        "../envs/peropass.yaml"
    resources:
        mem_mb=plan.memory("levels"),
        runtime=plan.runtime("levels"),
    params:
        address=plan.address,
        protocol=plan.levels_params,
        revision=plan.revision("levels"),
        recompute=plan.recompute(paths.LOADED_LEVELS),
    message:
        "levels of {wildcards.candidate} on {wildcards.site}"
    shell:
        "python -m scripts.levels --address {params.address:q} --protocol {params.protocol:q}"
        " --relaxed {input.relaxed:q} --revision {params.revision}"
        " --recompute {params.recompute:q} --out {output.record:q} >> {log:q} 2>&1"


rule thermo_molecule:
    input:
        record=plan.path(paths.MOLECULE),
    output:
        record=plan.path(paths.MOLECULE_THERMO),
    log:
        plan.log("thermo.{host}.{candidate}"),
    priority: 10
    conda:
        "../envs/peropass.yaml"
    resources:
        mem_mb=plan.memory("thermo"),
        runtime=plan.runtime("thermo"),
    params:
        address=plan.address,
        protocol=plan.energy_params,
        smiles=plan.model_smiles,
        revision=plan.revision("thermo"),
    message:
        "vibrations and solvation of {wildcards.candidate}"
    shell:
        "python -m scripts.thermo --address {params.address:q} --protocol {params.protocol:q}"
        " --molecule {input.record:q} --smiles {params.smiles:q} --revision {params.revision}"
        " --out {output.record:q} >> {log:q} 2>&1"


rule thermo_reference:
    input:
        record=plan.path(paths.REFERENCE),
    output:
        record=plan.path(paths.REFERENCE_THERMO),
    log:
        plan.log("thermo.{host}.{reference}"),
    priority: 10
    conda:
        "../envs/peropass.yaml"
    resources:
        mem_mb=plan.memory("thermo"),
        runtime=plan.runtime("thermo"),
    params:
        address=plan.reference_address,
        protocol=plan.energy_params,
        smiles=plan.reference_smiles,
        revision=plan.revision("thermo"),
    message:
        "vibrations and solvation of {params.smiles}"
    shell:
        "python -m scripts.thermo --address {params.address:q} --protocol {params.protocol:q}"
        " --molecule {input.record:q} --smiles {params.smiles:q} --revision {params.revision}"
        " --out {output.record:q} >> {log:q} 2>&1"
