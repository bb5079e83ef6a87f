# Building: slabs from the bulk, defects from the relaxed pristine slab, poses from SMILES and a cheap tier.


rule slab:
    input:
        source=plan.slab_source,
    output:
        structure=plan.path(paths.CLEAN_BUILD),
    log:
        plan.log("slab.{host}.{termination}.{site}"),
    priority: 95
    conda:
        "../envs/peropass.yaml"
    params:
        address=plan.address,
        protocol=plan.energy_params,
        slab=plan.slab_params,
        revision=plan.revision("slab"),
    message:
        "build slab {wildcards.host} {wildcards.termination} {wildcards.site}"
    shell:
        "python -m scripts.slab --address {params.address:q} --protocol {params.protocol:q}"
        " --slab {params.slab:q} --source {input.source:q} --revision {params.revision}"
        " --out {output.structure:q} >> {log:q} 2>&1"


rule poses:
    input:
        socket=plan.path(paths.CLEAN),
        pristine=plan.path(paths.PRISTINE),
        start=plan.start,
    output:
        record=plan.path(paths.POSES),
    log:
        plan.log("poses.{host}.{termination}.{site}.{candidate}"),
    priority: 80
    conda:
        "../envs/peropass.yaml"
    threads: 1
    resources:
        mem_mb=plan.memory("poses"),
        runtime=plan.runtime("poses"),
    params:
        address=plan.address,
        protocol=plan.energy_params,
        poses=plan.poses_params,
        candidate=plan.placement_params,
        library=plan.library_digest,
        halide=plan.halide,
        revision=plan.revision("poses"),
    message:
        "place {wildcards.candidate} on {wildcards.site} and score the poses"
    shell:
        "python -m scripts.poses --address {params.address:q} --protocol {params.protocol:q}"
        " --poses {params.poses:q} --candidate {params.candidate:q} --library {params.library:q} --halide {params.halide:q}"
        " --socket {input.socket:q} --pristine {input.pristine:q} --start {input.start:q} --revision {params.revision}"
        " --out {output.record:q} >> {log:q} 2>&1"
