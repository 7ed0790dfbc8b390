"""Line numbers of keys, whatever stands between them."""

from __future__ import annotations

from nontax.gateway.config.locate import line_of, locate, spell

TEXT = '''\
# [listen] in a comment
top = 1
"quoted key" = 2
dotted.key = 3

[listen]   # [another]
host = "a # no comment = [ { \\" ["
literal = 'it''
list = [
  "x = 1",  # ]
  "y",
]
text = """
[not.a.table]
key = 1 \\""" still
""""
after = 4

[[peers]]
code = "first"
mac = { algorithm = "a", width = 64 }

[peers.more]
deep = 1

[[peers]]
code = "second"
[[peers.list]]
one = 1
[[peers.list]]
two = 2
[a."b.c".d]
e = 1
'''.replace("'it''", "'it \\'")


def test_every_key_and_table_has_its_line() -> None:
    lines = locate(TEXT)
    rows = TEXT.splitlines()

    def row(path: tuple[str | int, ...]) -> str:
        return rows[lines[path] - 1].strip()

    assert row(("top",)) == "top = 1"
    assert row(("quoted key",)) == '"quoted key" = 2'
    assert row(("dotted", "key")) == "dotted.key = 3"
    assert row(("listen",)).startswith("[listen]")
    assert row(("listen", "host")).startswith("host")
    assert row(("listen", "list")) == "list = ["
    assert row(("listen", "text")).startswith("text")
    assert row(("listen", "after")) == "after = 4"
    assert row(("peers", 0, "code")) == 'code = "first"'
    assert row(("peers", 0, "more", "deep")) == "deep = 1"
    assert row(("peers", 1, "code")) == 'code = "second"'
    assert row(("peers", 1, "list", 0, "one")) == "one = 1"
    assert row(("peers", 1, "list", 1, "two")) == "two = 2"
    assert row(("a", "b.c", "d", "e")) == "e = 1"
    assert ("listen", "key") not in lines
    assert ("another",) not in lines


def test_a_path_without_a_line_is_found_at_the_table_around_it() -> None:
    lines = locate(TEXT)
    assert line_of(lines, ("peers", 0, "mac", "width")) == lines["peers", 0, "mac"]
    assert line_of(lines, ("peers", 1, "token")) == lines["peers", 1]
    assert line_of(lines, ("nowhere",)) is None


def test_paths_are_spelled_as_people_write_them() -> None:
    assert spell(("peers", 0, "mac", "width")) == "peers[0].mac.width"
    assert spell(()) == ""
