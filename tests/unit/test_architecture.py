"""The walls between the parts, read from the source: a test that fails here names file, line and wall."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "peropass"
MODULES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted(p for p in (ROOT / "scripts").glob("*.py") if p.name != "__init__.py")
RULES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))
NUMPY_ONLY = {"numpy", "scipy", "peropass", "pydantic", "yaml"}
LONGEST_SCRIPT, LONGEST_SNAKEFILE = 90, 80
ENGINES = ("gpaw", "_gpaw", "tblite", "dftd3", "dftd4")


def imports(path):
    """(line, dotted module, inside a function, for types only) of every import of a file."""
    found = []

    def visit(node, function, types):
        for child in ast.iter_child_nodes(node):
            inner = function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            only_types = types or (
                isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            )
            if isinstance(child, ast.Import):
                found.extend((child.lineno, alias.name, inner, only_types) for alias in child.names)
            elif isinstance(child, ast.ImportFrom) and not child.level:
                names = [f"{child.module}.{alias.name}" for alias in child.names]
                found.extend((child.lineno, name, inner, only_types) for name in names)
            visit(child, inner, only_types)

    visit(ast.parse(path.read_text(encoding="utf-8")), False, False)
    return found


def breaches(files, forbidden):
    """Lines of `files` whose import `forbidden(module, inside_function)` objects to."""
    return [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in files
        for line, module, inside, only_types in imports(path)
        if not only_types and forbidden(module, inside)
    ]


def starts(module, *names):
    return any(module == name or module.startswith(name + ".") for name in names)


def inside(folder):
    return [path for path in MODULES if path.is_relative_to(PACKAGE / folder)]


def test_gpaw_is_imported_by_the_engine_alone():
    others = [p for p in [*MODULES, *SCRIPTS] if not p.is_relative_to(PACKAGE / "engine")]
    assert breaches(others, lambda module, _: starts(module, "gpaw", "_gpaw")) == []


def test_and_there_inside_functions_only():
    assert (
        breaches(
            inside("engine"),
            lambda module, function: starts(module, "gpaw", "_gpaw") and not function,
        )
        == []
    )


def test_energy_codes_are_used_through_the_engine_alone():
    others = [p for p in [*MODULES, *SCRIPTS] if not p.is_relative_to(PACKAGE / "engine")]
    assert breaches(others, lambda module, _: starts(module, *ENGINES, "ase.calculators")) == []


def test_analysis_is_records_in_records_out():
    """numpy, scipy and our own records: no structures library with calculators, no engine, no files of others."""

    def forbidden(module, _function):
        top = module.split(".")[0]
        if top in sys.stdlib_module_names:
            return False
        if starts(module, "ase.data", "ase.units"):  # tables of constants
            return False
        return top not in NUMPY_ONLY or starts(
            module, "peropass.engine", "peropass.surfaces", "peropass.report"
        )

    assert breaches(inside("analysis"), forbidden) == []


def test_surfaces_is_atoms_in_atoms_out():
    def forbidden(module, _function):
        return starts(
            module,
            "peropass.engine",
            "peropass.report",
            "peropass.gather",
            "ase.calculators",
            *ENGINES,
        )

    assert breaches(inside("surfaces"), forbidden) == []


def test_surfaces_writes_no_files():
    """Reading curated host files is the one thing that it does with a disk."""
    pattern = re.compile(r"\.write_text|\.write_bytes|write_record|\bopen\(.*[\"'][wa]|ase\.io")
    for path in inside("surfaces"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            assert not pattern.search(line), f"{path.relative_to(ROOT)}:{number} {line.strip()}"


def test_chemistry_asks_xtb_through_the_engine_alone():
    def forbidden(module, _function):
        if starts(module, "ase.calculators", "peropass.report", "peropass.gather", *ENGINES):
            return True
        return starts(module, "peropass.engine") and not module.startswith("peropass.engine.xtb")

    assert breaches(inside("chemistry"), forbidden) == []


def test_the_report_computes_no_physics():
    def forbidden(module, _function):
        return starts(module, "peropass.engine", "ase.calculators", "scipy", *ENGINES)

    found = breaches(inside("report"), forbidden)
    settings_only = [line for line in found if "peropass.engine.protocol" in line]
    assert [line for line in found if line not in settings_only] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_are_thin(script):
    text = script.read_text()
    assert len(text.splitlines()) < LONGEST_SCRIPT
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a script says what it does"
    assert any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body)
    assert not any(isinstance(node, ast.ClassDef) for node in ast.walk(tree))


def rules():
    """name -> (file, body) of every rule."""
    found = {}
    for file in RULES:
        for block in re.split(r"^(?=rule )", file.read_text(), flags=re.MULTILINE)[1:]:
            found[re.match(r"rule (\w+):", block)[1]] = (file, block)
    return found


@pytest.mark.parametrize("rule", sorted(rules()))
def test_every_rule_calls_the_script_of_its_name_and_has_log_message_and_environment(rule):
    """`relax_clean` and `relax_loaded` both call scripts/relax.py; reservoirs are bulk phases too."""
    _, body = rules()[rule]
    called = re.findall(r"-m scripts\.(\w+)", body)
    assert called, f"rule {rule} calls no script"
    for script in called:
        assert (ROOT / "scripts" / f"{script}.py").exists()
        assert rule.split("_")[0] == script or (rule, script) == ("reservoir", "bulk")
    for part in ("log:", "message:", "conda:"):
        assert part in body, f"rule {rule} has no {part}"


def test_every_command_of_a_rule_is_one_that_exists_in_scripts():
    called = {
        script for _, body in rules().values() for script in re.findall(r"-m scripts\.(\w+)", body)
    }
    assert called <= {path.stem for path in SCRIPTS}


def test_rule_files_define_nothing():
    for file in [*RULES, ROOT / "Snakefile"]:
        for number, line in enumerate(file.read_text().splitlines(), 1):
            assert not re.match(r"\s*(def|class|lambda|for|while|with)\b", line), (
                f"{file.relative_to(ROOT)}:{number} {line.strip()}"
            )
            assert "lambda" not in line, f"{file.relative_to(ROOT)}:{number} {line.strip()}"
            assert not re.match(r"\s*(script|run|notebook):", line)


def test_the_snakefile_is_an_entry_point():
    assert len((ROOT / "Snakefile").read_text().splitlines()) < LONGEST_SNAKEFILE


def test_no_python_sees_the_snakemake_object():
    for path in [*MODULES, *SCRIPTS]:
        assert not re.search(
            r"\bsnakemake\.(input|output|params|wildcards|config)\b", path.read_text()
        ), path


@pytest.mark.parametrize("path", [*MODULES, *SCRIPTS], ids=lambda p: str(p.relative_to(ROOT)))
def test_habits_of_the_house(path):
    """Errors are caught by name; messages go through step.say or the command line; nothing is left to do."""
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{where} bare except"
            names = {ast.unparse(n) for n in getattr(node.type, "elts", [node.type])}
            assert not names & {"Exception", "BaseException"}, f"{where} catches {names}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("print", "eval", "exec"), f"{where} {node.func.id}()"
    assert not re.search(r"\b(TODO|FIXME|XXX|NotImplementedError)\b", text)
    assert ast.get_docstring(ast.parse(text)), f"{path.relative_to(ROOT)} has no docstring"


def test_data_files_are_read_safely():
    """YAML by safe loaders, no pickle, no shell."""
    pattern = re.compile(
        r"\bpickle\b|yaml\.load\((?!.*Loader=_UniqueKeyLoader)|yaml\.unsafe|shell=True|os\.system"
    )
    for path in [*MODULES, *SCRIPTS]:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            assert not pattern.search(line), f"{path.relative_to(ROOT)}:{number} {line.strip()}"


def test_no_rule_puts_an_unquoted_text_into_a_shell():
    """Everything that is not a number, a launcher or a file that we name goes in as `:q`."""
    for rule, (_, body) in rules().items():
        command = body[body.index("shell:") :]
        for field in re.findall(r"{([^{}]+)}", command):
            bare = field in ("resources.launcher", "params.revision", "threads")
            assert bare or field.endswith(":q"), f"rule {rule}: {{{field}}}"


PLANNING = """
import sys
from peropass.workflow import Plan
heavy = sorted({"gpaw", "rdkit", "ase", "pymatgen", "tblite", "matplotlib"} & set(sys.modules))
assert not heavy, heavy
"""


def test_planning_modules_import_no_engine_and_no_chemistry():
    done = subprocess.run(
        [sys.executable, "-c", PLANNING], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
