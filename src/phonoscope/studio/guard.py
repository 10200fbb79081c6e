"""Who may ask, and for which files.

A page of any other site can make a browser send requests to this machine (cross-site requests), or
give a name of its own this machine's address and so read the answers (DNS rebinding). So the Host
must be one of ours, the Origin must be the page's own, what changes anything must carry a header
that no form can send, and beyond loopback a token is asked for.
"""

import hmac
import ipaddress
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from phonoscope.errors import InputNotFoundError, UsageError

COOKIE = "phonoscope_token"
_POLICY = (
    "default-src 'none'; script-src 'self'; "
    # wavesurfer's only style that is written into the page
    "style-src 'self' 'sha256-Y/8t1dAKa3ay+RZEiEFEDr8dFiQhpaFvYXXUfT3p6ZU='; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def refusal(method: str, path: str, headers: Any, token: str | None) -> tuple[int, str] | None:
    """Return the status and the sentence by which a request is refused, or None.

    Parameters
    ----------
    method, path, headers
        Of the request; headers by their names in lower case.
    token
        That must be presented, or None where only this machine can ask.
    """
    host = headers.get("host", "")
    name = urlsplit(f"//{host}").hostname or ""
    if token is None and not is_loopback(name):
        return (
            403,
            f"this page is not for the host {host!r}; open it by the address that was printed.",
        )
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return 403, f"the site {origin} may not ask this studio for anything."
    if headers.get("sec-fetch-site") in ("cross-site", "same-site") and path.startswith("/api"):
        return 403, "another site may not ask this studio for anything."
    if method not in ("GET", "HEAD") and headers.get("x-phonoscope") != "studio":
        return 403, "what changes anything must carry the header X-Phonoscope: studio."
    if token is not None and path.startswith("/api") and not _presented(headers, token):
        return 401, "this studio asks for its token; open the whole address that was printed."
    return None


def same(one: str, other: str) -> bool:
    """Compare two secrets in a time that does not depend on them."""
    return hmac.compare_digest(one.encode(), other.encode())


def _presented(headers: Any, token: str) -> bool:
    kind, _, given = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return same(given.strip(), token)
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return False
    return cookie is not None and same(cookie.value, token)


def allowed(path: str, folders: tuple[Path, ...]) -> Path:
    """Return a path, links resolved, if it lies in one of the folders, which are resolved.

    Raises
    ------
    UsageError
        If it lies elsewhere; whether it exists is not told then.
    InputNotFoundError
        If there is nothing there.
    """
    try:
        found = Path(path).resolve()
    except (OSError, ValueError, RuntimeError):
        found = Path("/")
    if not any(found.is_relative_to(folder) for folder in folders):
        raise UsageError(
            f"{path} lies outside the folders of this studio; start it with that folder to open it."
        )
    if not found.exists():
        raise InputNotFoundError(f"{path} does not exist; reload the page.")
    return found
