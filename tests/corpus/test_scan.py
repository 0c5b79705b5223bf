"""Listing a folder: everything once, links followed, contents told apart."""

from __future__ import annotations

from dubber.corpus.scan import SAMPLE, content_digest, files_under, listing_digest


def test_files_are_listed_in_order_without_hidden_ones(tmp_path):
    for path in ("b/2.mpg", "b/1.mpg", "a.txt", ".hidden/x", "b/.x.swp"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("four")
    files = list(files_under(tmp_path))
    assert [file.path for file in files] == ["a.txt", "b/1.mpg", "b/2.mpg"]
    assert {file.size for file in files} == {4}


def test_links_are_followed_but_not_in_circles(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x.mpg").touch()
    root = tmp_path / "root"
    root.mkdir()
    (root / "s1").symlink_to(elsewhere)
    (elsewhere / "up").symlink_to(root)
    (root / "nowhere").symlink_to(tmp_path / "gone")
    assert [file.path for file in files_under(root)] == ["s1/x.mpg"]


def test_the_listing_tells_sizes_and_names_apart(tmp_path):
    def listing() -> str:
        return listing_digest(files_under(tmp_path))

    (tmp_path / "a").write_text("1")
    first = listing()
    assert listing() == first
    (tmp_path / "a").write_text("12")
    second = listing()
    (tmp_path / "a").rename(tmp_path / "b")
    assert len({first, second, listing()}) == 3


def test_a_copy_has_the_same_digest_and_a_change_at_either_end_another(tmp_path):
    data = bytearray(range(256)) * 2048
    path = tmp_path / "a"

    def digest(content: bytes) -> str:
        path.write_bytes(content)
        return content_digest(path)

    same = digest(data)
    assert digest(bytes(data)) == same
    assert digest(b"x" + data[1:]) != same
    assert digest(data[:-1] + b"x") != same
    assert digest(data + data) != same
    whole = bytes(2 * SAMPLE)
    for position in (0, SAMPLE - 1, SAMPLE, 2 * SAMPLE - 1):
        assert digest(whole[:position] + b"x" + whole[position + 1 :]) != digest(whole)
    assert digest(b"") != digest(b"\0")
