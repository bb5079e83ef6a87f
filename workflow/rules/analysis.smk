# Cheap analysis: records in, records out. A digest of the code that it uses is a parameter, so an edit reruns it.


rule candidate:
    input:
        unpack(plan.native_records),
        pristine=plan.path(paths.PRISTINE),
        socket=plan.path(paths.CLEAN),
        reservoir=plan.path(paths.RESERVOIR),
        bulk=plan.path(paths.BULK),
        molecule=plan.path(paths.MOLECULE),
        poses=plan.path(paths.POSES),
        references=plan.reference_records,
        bands=plan.hops.of_candidate,
        thermo=plan.thermo_records,
        loaded=plan.loaded_records,
        fragments=plan.fragments,
        pristine_levels=plan.path(paths.PRISTINE_LEVELS),
        socket_levels=plan.path(paths.CLEAN_LEVELS),
        levels=plan.loaded_levels,
    output:
        record=plan.path(paths.CANDIDATE),
    log:
        plan.log("candidate.{host}.{termination}.{site}.{candidate}"),
    conda:
        "../envs/peropass.yaml"
    resources:
        mem_mb=plan.memory("candidate"),
        runtime=plan.runtime("candidate"),
    params:
        address=plan.address,
        protocol=plan.energy_params,
        candidate=plan.candidate_params,
        meta=plan.candidate_meta,
        library=plan.library_digest,
        halide=plan.halide,
        code=code_digest("analysis", "chemistry"),
        errors=plan.error_model,
    message:
        "analyse {wildcards.candidate} on {wildcards.site}"
    shell:
        "python -m scripts.candidate --address {params.address:q} --protocol {params.protocol:q}"
        " --candidate {params.candidate:q} --meta {params.meta:q} --halide {params.halide:q}"
        " --out {output.record:q} >> {log:q} 2>&1"


rule site:
    input:
        pristine=plan.path(paths.PRISTINE),
        slab=plan.path(paths.CLEAN),
        pristine_levels=plan.path(paths.PRISTINE_LEVELS),
        levels=plan.path(paths.CLEAN_LEVELS),
        bulk=plan.phase_records,
    output:
        record=plan.path(paths.SITE_RECORD),
    log:
        plan.log("site.{host}.{termination}.{site}"),
    conda:
        "../envs/peropass.yaml"
    resources:
        mem_mb=plan.memory("site"),
        runtime=plan.runtime("site"),
    params:
        address=plan.address,
        protocol=plan.energy_params,
        code=code_digest("analysis"),
    message:
        "levels of {wildcards.site} against the pristine slab"
    shell:
        "python -m scripts.site --address {params.address:q} --protocol {params.protocol:q}"
        " --out {output.record:q} >> {log:q} 2>&1"


rule site_loaded:
    input:
        slab=plan.path(paths.LOADED),
        pristine_levels=plan.path(paths.PRISTINE_LEVELS),
        levels=plan.path(paths.LOADED_LEVELS),
    output:
        record=plan.path(paths.LOADED_SITE_RECORD),
    log:
        plan.log("site.{host}.{termination}.{site}.{candidate}.{pose}"),
    conda:
        "../envs/peropass.yaml"
    resources:
        mem_mb=plan.memory("site"),
        runtime=plan.runtime("site"),
    params:
        address=plan.address,
        protocol=plan.energy_params,
        code=code_digest("analysis"),
    message:
        "levels of {wildcards.candidate} on {wildcards.site} against the pristine slab"
    shell:
        "python -m scripts.site --address {params.address:q} --protocol {params.protocol:q}"
        " --out {output.record:q} >> {log:q} 2>&1"


rule controls:
    input:
        sites=plan.site_records,
    output:
        record=plan.path(paths.CONTROLS),
    log:
        plan.log("controls"),
    conda:
        "../envs/peropass.yaml"
    params:
        address=plan.address,
        protocol=plan.energy_params,
        controls=plan.controls_params,
        slab=plan.slab_params,
        code=code_digest("analysis"),
    message:
        "hold the controls against what was found"
    shell:
        "python -m scripts.controls --address {params.address:q} --protocol {params.protocol:q}"
        " --controls {params.controls:q} --slab {params.slab:q} --out {output.record:q} >> {log:q} 2>&1"


rule rank:
    input:
        candidates=plan.candidate_records,
        bulk=plan.bulk_records,
    output:
        record=plan.path(paths.RANKING),
        table=report(
            plan.path(paths.RANKING_CSV),
            caption="../report/table.rst",
            category="Ranking",
            labels={"campaign": plan.campaign.campaign},
        ),
    log:
        plan.log("rank"),
    conda:
        "../envs/peropass.yaml"
    params:
        ranking=plan.ranking_params,
        campaign=plan.campaign_digest,
        config_file=plan.config_file,
        code=code_digest("analysis"),
        errors=plan.error_model,
        thresholds=plan.thresholds,
    message:
        "rank the candidates"
    shell:
        "python -m scripts.rank --config {params.config_file:q} --ranking {params.ranking:q}"
        " --out {output.record:q} --table {output.table:q} >> {log:q} 2>&1"
