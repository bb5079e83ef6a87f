# Dopants on the B site: only in campaigns with a block `substitution`. Slabs with a dopant are those of the other rules.


rule doped:
    input:
        host=plan.path(paths.BULK),
        source=plan.substitution.source,
    output:
        record=plan.path(paths.DOPED),
    log:
        plan.log("doped.{host}.{cell}.{dopant}.{strain}"),
    priority: 15
    conda:
        "../envs/peropass.yaml"
    resources:
        mem_mb=plan.memory("doped"),
        runtime=plan.runtime("doped"),
    params:
        address=plan.substitution.address,
        protocol=plan.energy_params,
        mesh=plan.substitution.mesh,
        site=plan.substitution.site,
        source=plan.substitution.source_text,
        revision=plan.revision("phase"),
        recompute=plan.recompute(paths.DOPED),
    message:
        "relax the bulk cell {wildcards.cell} {wildcards.dopant} {wildcards.strain} of {wildcards.host}"
    shell:
        "python -m scripts.doped --address {params.address:q} --protocol {params.protocol:q}"
        " --cell {wildcards.cell:q} --mesh {params.mesh:q} --site {params.site:q} --host {input.host:q}"
        " --source {params.source:q} --revision {params.revision} --recompute {params.recompute:q}"
        " --out {output.record:q} >> {log:q} 2>&1"


rule phase_source:
    input:
        host=plan.path(paths.BULK),
    output:
        record=plan.path(paths.SOURCE_PHASE),
    log:
        plan.log("phase.{host}.source.{phase}"),
    priority: 5
    conda:
        "../envs/peropass.yaml"
    resources:
        mem_mb=plan.memory("phase"),
        runtime=plan.runtime("phase"),
    params:
        address=plan.phase_address,
        protocol=plan.energy_params,
        points=plan.substitution.points(),
        revision=plan.revision("phase"),
        recompute=plan.recompute(paths.SOURCE_PHASE),
    message:
        "relax the ions of {wildcards.phase}, salt of a dopant or of B"
    shell:
        "python -m scripts.phase --address {params.address:q} --protocol {params.protocol:q}"
        " --phase {wildcards.phase:q} --host {input.host:q} --points {params.points:q}"
        " --revision {params.revision} --recompute {params.recompute:q} --out {output.record:q}"
        " >> {log:q} 2>&1"


rule substitution:
    input:
        records=plan.substitution.needed,
    output:
        record=plan.path(paths.SUBSTITUTION),
    log:
        plan.log("substitution.{host}"),
    conda:
        "../envs/peropass.yaml"
    params:
        address=plan.address,
        protocol=plan.energy_params,
        settings=plan.substitution.parameters,
        errors=plan.error_model,
        code=code_digest("analysis"),
    message:
        "dopants on the B site of {wildcards.host}"
    shell:
        "python -m scripts.substitution --address {params.address:q} --protocol {params.protocol:q}"
        " --settings {params.settings:q} --out {output.record:q} >> {log:q} 2>&1"
