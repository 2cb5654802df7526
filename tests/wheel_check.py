"""Builds sdist -> wheel, installs the wheel in a clean environment elsewhere, imports every package, runs the command.

Run by ``make wheel``. Dependencies are taken from the environment that runs this file (a ``.pth`` line), so that only
privaudit itself is installed anew: what is checked is the wheel's content.
"""

import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


# Templates, style, script and the shipped policy are data: a package that lacks them is imported all the same.
SHOW = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("sample_report", sys.argv[1])
sample = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sample)
from privaudit.gate import judge, shipped_policy
from privaudit.report.write import RENDERERS, rendered
report = sample.sample_report()
texts = {name: rendered(report, name, result=judge(report, shipped_policy())) for name in RENDERERS}
assert "<script>" in texts["html"] and "<style>" in texts["html"]
print("rendered", ", ".join(texts))
"""


def run(*command: str, cwd: str) -> None:
    print("+", " ".join(command), flush=True)
    subprocess.run(command, cwd=cwd, check=True)


def main() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    with tempfile.TemporaryDirectory() as folder:
        run(sys.executable, "-m", "build", "--outdir", folder, str(ROOT), cwd=folder)  # sdist, then the wheel from it
        (wheel,) = Path(folder).glob("*.whl")
        clean = Path(folder) / "clean"
        venv.create(clean, with_pip=True)
        python = str(clean / "bin" / "python")
        run(python, "-m", "pip", "install", "--quiet", "--no-deps", str(wheel), cwd=folder)
        site = subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        Path(site, "zz_dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
        check = (
            "import importlib, sys, privaudit\n"
            f"assert privaudit.__file__.startswith({str(clean)!r}), privaudit.__file__\n"
            f"[importlib.import_module(name) for name in {packages!r}]\n"
            "from privaudit.data.adult import load_adult\n"
            "print('imported', len(sys.argv) and 'all packages;', 'adult has', load_adult().n_records, 'records')\n"
        )
        run(python, "-c", check, cwd=folder)
        run(python, "-c", SHOW, str(ROOT / "tests" / "report" / "sample_report.py"), cwd=folder)
        run(str(clean / "bin" / "privaudit"), "--help", cwd=folder)


if __name__ == "__main__":
    main()
