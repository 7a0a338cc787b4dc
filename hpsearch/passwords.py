"""Passwords in URLs: shown as ***, whatever the text around them."""

import re

USER = re.compile(r"(://[^:@/\s'\"]*:)[^\s'\"]*@")
QUERY = re.compile(r"(?i)([?&][^=&\s]*passw[^=&\s]*=)[^&\s'\"]*")
_known: set[str] = set()


def without_passwords(text: str) -> str:
    """The text with *** for the password of each URL in it."""
    if "://" not in text and not _known:
        return text
    for secret in sorted(_known, key=len, reverse=True):  # one may be part of another
        text = text.replace(secret, "***")
    return QUERY.sub(r"\1***", USER.sub(r"\1***@", text)) if "://" in text else text


def has_password(url: str) -> bool:
    """True if a URL has a password."""
    return QUERY.sub("", USER.sub("", url)) != url


def remember(url: str) -> None:
    """Show *** for the password of this URL wherever it stands, also by itself or in quotes of a log."""
    found = [*re.findall(r"://[^:@/]*:(.*)@", url), *re.findall(r"(?i)[?&][^=&]*passw[^=&]*=([^&]*)", url)]
    _known.update(secret for secret in found if len(secret) > 3)  # a shorter one would blacken other words
