# Halide hops: only in campaigns with a block `migration`. `snakemake migration` asks for them alone.


rule hop:
    input:
        pristine=plan.path(paths.PRISTINE),
        socket=plan.path(paths.CLEAN),
        loaded=plan.hops.loaded,
    output:
        record=plan.path(paths.HOP),
    log:
        plan.log("hop.{host}.{termination}.{site}.{hop}"),
    priority: 30
    conda:
        "../envs/peropass.yaml"
    params:
        address=plan.hops.address,
        protocol=plan.energy_params,
        element=plan.halide,
        loaded=plan.hops.loaded_parameter,
        revision=plan.revision("migration"),
    message:
        "halide hop on {wildcards.site}, {wildcards.hop}"
    shell:
        "python -m scripts.hop --address {params.address:q} --protocol {params.protocol:q}"
        " --element {params.element:q} --pristine {input.pristine:q} --socket {input.socket:q}"
        " --loaded {params.loaded:q} --revision {params.revision} --out {output.record:q} >> {log:q} 2>&1"


rule hopend:
    input:
        hop=plan.path(paths.HOP),
    output:
        record=plan.path(paths.HOP_END),
    log:
        plan.log("hop.{host}.{termination}.{site}.{hop}.{end}"),
    priority: 25
    conda:
        "../envs/peropass.yaml"
    threads: plan.threads("hopend")
    resources:
        mem_mb=plan.memory("hopend"),
        runtime=plan.runtime("hopend"),
        tasks=plan.ranks("hopend"),
        mpi=plan.mpi("hopend"),
        launcher=plan.launcher("hopend"),
    params:
        address=plan.hops.address,
        protocol=plan.energy_params,
        lateral=plan.campaign.slab.lateral,
        revision=plan.revision("relax"),
        recompute=plan.recompute(paths.HOP_END),
    message:
        "relax the {wildcards.end} of the halide hop, {wildcards.hop}"
    shell:
        "{resources.launcher} -m scripts.hopend --address {params.address:q} --protocol {params.protocol:q}"
        " --lateral {params.lateral:q} --hop {input.hop:q} --end {wildcards.end:q}"
        " --revision {params.revision} --recompute {params.recompute:q} --out {output.record:q}"
        " >> {log:q} 2>&1"


rule band:
    input:
        hop=plan.path(paths.HOP),
        ends=plan.hops.ends,
    output:
        record=plan.path(paths.BAND),
    log:
        plan.log("band.{host}.{termination}.{site}.{hop}"),
    priority: 20
    conda:
        "../envs/peropass.yaml"
    threads: plan.hops.workers
    resources:
        mem_mb=plan.memory("band"),
        runtime=plan.runtime("band"),
    params:
        address=plan.hops.address,
        protocol=plan.energy_params,
        lateral=plan.campaign.slab.lateral,
        migration=plan.hops.parameters,
        revision=plan.revision("migration"),
        recompute=plan.recompute(paths.BAND),
    message:
        "path of the halide hop, {wildcards.hop}"
    shell:
        "python -m scripts.band --address {params.address:q} --protocol {params.protocol:q}"
        " --lateral {params.lateral:q} --hop {input.hop:q} --migration {params.migration:q}"
        " --workers {threads} --revision {params.revision} --recompute {params.recompute:q}"
        " --out {output.record:q} >> {log:q} 2>&1"
