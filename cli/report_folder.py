"""Where reports may be written."""

from pathlib import Path

from privaudit.errors import ConfigError


def check_report_folder(out: str | None) -> None:
    """Refuse the folder of an audit, whose own reports would be overwritten.

    Raises:
        ConfigError: if it is one.
    """
    if out is not None and (Path(out) / "manifest.json").exists():
        raise ConfigError(
            f"--out {out} is the folder of an audit (it holds manifest.json), whose reports would be overwritten. Name "
            "another one.",
            key="out",
        )
