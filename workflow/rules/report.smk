# The page that people open. Made from records alone.


rule report:
    input:
        ranking=plan.path(paths.RANKING),
        candidates=plan.candidate_records,
        sites=plan.site_records,
        controls=plan.control_table,
        substitution=plan.substitution.reports,
    output:
        page=report(
            plan.path(paths.REPORT),
            caption="../report/ranking.rst",
            category="Ranking",
            labels={"campaign": plan.campaign.campaign},
        ),
    log:
        plan.log("report"),
    conda:
        "../envs/peropass.yaml"
    params:
        config_file=plan.config_file,
        code=code_digest("report"),
        thresholds=plan.thresholds,
    message:
        "write the report"
    shell:
        "python -m scripts.report --config {params.config_file:q} --out {output.page:q} >> {log:q} 2>&1"
