"""What is changed in the viewer's files for their place under a prefix."""

import pytest

from deploy.viewer.release import ViewerInstallError
from deploy.viewer.rewriting import public_url_script, rewrite_page, rewrite_script, rewrite_style

PAGE = (
    '<head><meta name="msapplication-config" content="/assets/b.xml">'
    '<script>console.time("scriptToView"),window.PUBLIC_URL="/"</script>'
    '<link rel="manifest" href="/manifest.json"><link rel="icon" href="/assets/favicon.ico">'
    '<link rel="apple-touch-icon" sizes="57x57" href="/assets/apple-57.png">'
    '<script rel="preload" as="script" src="/app-config.js"></script>'
    '<script rel="preload" as="script" type="module" src="/init-service-worker.js"></script>'
    '<script>function browserImportFunction(n){return import(n)}window.PUBLIC_URL="/"</script>'
    '<script defer src="/app.bundle.js"></script></head>'
)


def test_a_page_asks_for_its_parts_under_the_prefix_without_inline_scripts():
    page = rewrite_page(PAGE, "/viewer/")

    assert page == (
        '<head><script src="/viewer/public-url.js"></script>'
        '<link rel="icon" href="/viewer/assets/favicon.ico">'
        '<script rel="preload" as="script" src="/viewer/app-config.js"></script>'
        '<script defer src="/viewer/app.bundle.js"></script></head>'
    )


def test_what_the_inline_scripts_did_is_a_file():
    script = public_url_script("/viewer/")
    assert 'window.PUBLIC_URL = "/viewer/";' in script
    assert "function browserImportFunction(" in script


@pytest.mark.parametrize("page", ["<head></head>", "<script>start()</script>"])
def test_a_page_that_starts_otherwise_is_refused(page):
    with pytest.raises(ViewerInstallError, match="another way"):
        rewrite_page(page, "/viewer/")


def test_scripts_load_their_chunks_under_the_prefix():
    text = 'x; __webpack_require__.p = "/"; y'
    assert rewrite_script("a.js", text, "/viewer/") == 'x; __webpack_require__.p = "/viewer/"; y'
    assert rewrite_script("b.js", "nothing here", "/viewer/") == "nothing here"
    with pytest.raises(ViewerInstallError, match=r"c\.js"):
        rewrite_script("c.js", '__webpack_require__.p = "auto"', "/viewer/")


def test_styles_find_their_fonts_under_the_prefix():
    style = "a{src:url(/inter.woff2)} b{src:url(//host/x)} c{src:url(data:x)}"
    expected = "a{src:url(/viewer/inter.woff2)} b{src:url(//host/x)} c{src:url(data:x)}"
    assert rewrite_style(style, "/viewer/") == expected
