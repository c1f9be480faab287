"""What a cell gave is kept as it was printed, but for what changes from machine to machine; what a page cannot show is refused."""

import sys
import sysconfig

import pytest

from press.outputs import IMAGES, collect, image_kind, problem, tidy

PACKAGES = sysconfig.get_path("purelib")
SVG = "<svg width='1' height='1'><text>/srv/me \x1b[31mred\x1b[0m {}</text></svg>"


def stream(name, text):
    return {"output_type": "stream", "name": name, "text": text}


def shown(**data):
    return {"output_type": "display_data", "metadata": {}, "data": {kind.replace("__", "/").replace("_", "+"): text for kind, text in data.items()}}


TEXT = shown(text__plain="1")


# --- tidy ------------------------------------------------------------------------------------------------------------


def test_tidy_takes_out_colours_of_a_terminal():
    assert tidy("\x1b[31mred\x1b[0m") == "red"


def test_tidy_takes_out_the_place_in_the_sources_of_torch():
    assert tidy("careful. (Triggered internally at /pytorch/aten/src/x.cpp:1.)\nx") == "careful.\nx"


@pytest.mark.parametrize("before, after", [
    ("{}/torch/x.py", "site-packages/torch/x.py"), ("in '{}'", "in 'site-packages'"), ("{}", "site-packages"), ("a={}:b", "a=site-packages:b"), ("({}/x)", "(site-packages/x)"),
    ("not in {}.", "not in site-packages."), ("{}\n{}", "site-packages\nsite-packages"), ("{}, {}", "site-packages, site-packages"),
    ("/mnt{}/x", None), ("x{}", None), ("~{}", None), (".{}", None), ("..{}", None), (f"{sys.prefix}2/x", None), (f"{sys.prefix}-old/x", None), (f"{sys.prefix}.bak", None),
    (f"{sys.prefix}/lib/x.so", "python/lib/x.so"), (f"{PACKAGES}2/x", f"python{PACKAGES.removeprefix(sys.prefix)}2/x"),
])
def test_a_folder_of_the_machine_is_replaced_as_a_whole_path_only(before, after):
    assert tidy(before.replace("{}", PACKAGES)) == (before.replace("{}", PACKAGES) if after is None else after)


def test_the_home_of_the_kernel_is_that_of_everyone():
    assert tidy("/srv/x/home/data and /srv/x/home", "/srv/x/home") == "~/data and ~"
    assert tidy("/srv/x/homes /a/srv/x/home", "/srv/x/home") == "/srv/x/homes /a/srv/x/home"


@pytest.mark.parametrize("text", ["a/b", "/", "1/2 </svg> //", "/usr/share/x", "/usr", "usr/lib", "/srv/x", "C:/x"])
def test_a_home_of_the_root_and_an_environment_of_the_system_touch_nothing(monkeypatch, text):
    """With HOME=/, as in a container, `print("a/b")` showed `a~b`, in healthy builds afterwards too."""
    monkeypatch.setattr(sys, "prefix", "/usr")
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    for home in ("/", "", "/srv", None):
        assert tidy(text, home) == text
    monkeypatch.setattr(sys, "base_prefix", "/srv/python")  # an environment that somebody made right there
    assert tidy(text, "/") == text


def test_a_python_of_the_system_is_in_the_same_folder_everywhere(monkeypatch):
    for prefix in ("/usr/local", "/srv/python/3.12"):
        monkeypatch.setattr(sys, "prefix", prefix)
        monkeypatch.setattr(sys, "base_prefix", prefix)
        assert tidy(f"{prefix}/bin/x") == f"{prefix}/bin/x"


def test_paths_are_tidied_in_text_alone_never_in_pictures_or_html():
    output = shown(image__svg_xml=SVG.format(PACKAGES), text__html=f"<i>{PACKAGES}</i>", text__plain=f"<{PACKAGES}>")
    (found,) = collect([output], "/srv/me")
    assert found["data"] == output["data"] | {"text/plain": "<site-packages>"}
    (error,) = collect([{"output_type": "error", "ename": "E", "evalue": f"{PACKAGES}/x", "traceback": ["long", "\x1b[0;31m"]}])
    assert error == {"output_type": "error", "ename": "E", "evalue": "site-packages/x", "traceback": ["E: site-packages/x"]}


# --- collect ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given, expected", [
    (["o:a", "o:b"], ["o:ab"]), (["e:a", "e:b"], ["e:ab"]), (["o:a", "e:x", "o:b", "e:y"], ["o:ab", "e:xy"]), (["e:x", "o:a"], ["o:a", "e:x"]),
    (["o:a", "D", "o:b"], ["o:a", "D", "o:b"]), (["e:x", "D", "o:a"], ["e:x", "D", "o:a"]), (["D", "e:x", "o:a", "D", "e:y"], ["D", "o:a", "e:x", "D", "e:y"]),
    (["D", "D"], ["D", "D"]), (["o:a", "D", "e:x", "o:b", "D"], ["o:a", "D", "o:b", "e:x", "D"]), ([], []),
])
def test_streams_are_put_together_but_nothing_moves_past_a_display(given, expected):
    names = {"o": "stdout", "e": "stderr"}
    outputs = [TEXT if item == "D" else stream(names[item[0]], item[2:]) for item in given]
    found = collect(outputs)
    assert ["D" if output["output_type"] == "display_data" else f"{output['name'][3]}:{output['text']}" for output in found] == expected
    assert outputs == [TEXT if item == "D" else stream(names[item[0]], item[2:]) for item in given]  # and those given are as before


def test_a_line_that_comes_in_pieces_is_tidied_as_one():
    assert collect([stream("stdout", "\x1b[3"), stream("stdout", f"1mred\x1b[0m {PACKAGES[:9]}"), stream("stdout", PACKAGES[9:] + "\r"), stream("stdout", "\nx")]) == [
        stream("stdout", "red site-packages\nx")]


def test_the_number_of_an_execution_is_not_kept():
    result = {"output_type": "execute_result", "metadata": {}, "data": {"text/plain": "1"}, "execution_count": 7}
    assert collect([result]) == [{"output_type": "execute_result", "metadata": {}, "data": {"text/plain": "1"}}]


def test_metadata_stays():
    """`needs_background: light` puts a light ground under a transparent figure in a dark notebook."""
    output = shown(image__svg_xml="<svg/>") | {"metadata": {"needs_background": "light"}}
    assert collect([output]) == [output]


# --- problem ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", [
    stream("stdout", "零 é ✓ 🙂\t\n"), stream("stderr", ""), TEXT, shown(text__html="<b>\r\x1b[0m</b>", text__plain="x"), shown(text__html="<b>"),
    *(shown(**{kind.replace("/", "__").replace("+", "_"): "x", "text__plain": "<\x1b>"}) for kind in IMAGES), shown(image__png="x", text__latex="$x$"), shown(),
    {"output_type": "error", "ename": "E", "evalue": "x", "traceback": []},
])
def test_what_a_page_can_show(output):
    assert problem([TEXT, output]) is None


@pytest.mark.parametrize("kinds", [["text__markdown"], ["text__latex"], ["application__json"], ["application__javascript"], ["text__markdown", "text__latex"],
                                   ["application__vnd.jupyter.widget-view_json"], ["application__pdf"]])
@pytest.mark.parametrize("plain", [{}, {"text__plain": "<Thing at 0x7f>"}])
def test_a_representation_that_a_page_would_lose_is_refused(kinds, plain):
    """The page showed the object's address in memory in its place."""
    what, remedy = problem([TEXT, shown(**dict.fromkeys(kinds, "x"), **plain)])
    named = ", ".join(sorted(kind.replace("__", "/").replace("_", "+") for kind in kinds))
    assert what == f"shows {named}, which a page cannot show" and "_repr_html_" in remedy


@pytest.mark.parametrize("text", ["50%\r100%", "a\bb", "a\x00b", "\x1b[2J", "\x1b[1A", "\x1b]8;;x\x1b\\", "\x0c", "\x0b", "\x7f", "\x85", "\x9b1m", "\u2028", "\u2029", "\ud800", "\x1b"])
@pytest.mark.parametrize("output", [lambda text: stream("stdout", text), lambda text: shown(text__plain=text),
                                    lambda text: {"output_type": "error", "ename": "E", "evalue": text, "traceback": []}], ids=["stream", "value", "error"])
def test_what_is_for_a_terminal_is_refused(text, output):
    what, remedy = problem([TEXT, output(f"before {text} after")])
    assert "prints '\\" in what and "for a terminal" in what and "before" in what and remedy and what.isascii()


def test_a_picture_is_known_by_its_type():
    assert image_kind(shown(image__svg_xml=SVG)) == "image/svg+xml" and image_kind(TEXT) is None and image_kind(stream("stdout", "")) is None
