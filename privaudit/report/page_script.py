"""The page's own script, with the digest by which the page allows it and no other."""

import base64
import hashlib
from functools import cache
from importlib.resources import files


@cache
def script_of_page() -> tuple[str, str]:
    """Return the script and its digest as a content security policy names it; both "" where there is no script.

    Raises:
        ValueError: if the script could end its own element.
    """
    path = files("privaudit.report").joinpath("page.js")
    script = path.read_text(encoding="utf-8") if path.is_file() else ""
    if "</script" in script.lower() or "<!--" in script:
        raise ValueError("page.js must hold neither </script nor <!--: it would end its own element.")
    return script, f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" if script else ""
