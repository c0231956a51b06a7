"""Links of pages to files outside docs/: they work where the repository is read, and in the site.

Pictures and pages that a page links to are copied into the site, to the same place. Any other file is read in the
repository, which REPOSITORY_URL names; without it the link is only text. The same holds for links of a copied page.
"""

import logging
import os
import re
from pathlib import Path

from mkdocs.structure.files import File

log = logging.getLogger("mkdocs.hooks.repository_links")
_LINK = re.compile(r"(?P<text>!?\[[^\]]*\])\((?P<path>(?:\.\./)+[^)#\s]*)(?P<anchor>#[^)\s]*)?\)")
_ANCHOR = re.compile(r'<a href="([^":#]+)">(.*?)</a>', re.S)
_COPIED = {".png", ".gif", ".svg", ".html", ".csv"}


def on_page_markdown(markdown, *, page, config, files):
    """The page's text with its links to the rest of the repository replaced."""
    docs = Path(config.docs_dir).resolve()
    folder = (docs / page.file.src_uri).parent

    def replaced(link):
        target = (folder / link["path"]).resolve()
        if target.is_relative_to(docs):
            return link[0]
        if not (target.exists() and target.is_relative_to(docs.parent)):
            log.warning("Doc file '%s' links to '%s', which is not there", page.file.src_uri, link["path"])
            return link[0]
        inside = target.relative_to(docs.parent).as_posix()
        anchor = link["anchor"] or ""
        if target.suffix in _COPIED:
            if inside not in files.src_uris:
                copy = {"content": copied_page(target)} if target.suffix == ".html" else {"abs_src_path": str(target)}
                files.append(File.generated(config, inside, **copy))
            return f"{link['text']}({os.path.relpath(docs / inside, folder)}{anchor})"
        if config.repo_url:
            return f"{link['text']}({read_in_repository(inside)}{anchor})"
        return link["text"][1:-1]

    def read_in_repository(inside):
        return f"{config.repo_url.rstrip('/')}/blob/main/{inside}"

    def copied_page(file):
        """Its text with links to files of the repository replaced: they are not in the site."""

        def replaced(link):
            target = (file.parent / link[1]).resolve()
            if not (target.is_file() and target.is_relative_to(docs.parent)):
                return link[0]
            inside = target.relative_to(docs.parent).as_posix()
            return f'<a href="{read_in_repository(inside)}">{link[2]}</a>' if config.repo_url else link[2]

        return _ANCHOR.sub(replaced, file.read_text(encoding="utf-8"))

    return _LINK.sub(replaced, markdown)
