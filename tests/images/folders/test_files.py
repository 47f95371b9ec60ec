"""Files of a folder: pictures by their content, what is left out, and links."""

import errno
import os
from pathlib import Path

import pytest
from PIL import Image

from stages.common.errors import InputError
from stages.images.folders import files
from tests.images.conftest import HEIC


def write(folder: Path, *names: str) -> None:
    """Write small pictures, as PNG whatever their names say."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 2)).save(folder / name, format="PNG")


def test_pictures_are_found_in_folders_sorted_and_a_file_as_it_is_named(tmp_path):
    write(tmp_path, "b/2.PNG", "b/1.jpg", "b/deep/0", "a.bin")
    (tmp_path / "b/notes.txt").write_text("seen in June")
    assert files.find(tmp_path / "b").pictures == [tmp_path / name for name in ("b/1.jpg", "b/2.PNG", "b/deep/0")]
    assert files.find(tmp_path / "a.bin").pictures == [tmp_path / "a.bin"]
    assert files.find(tmp_path / "b/notes.txt").pictures == [tmp_path / "b/notes.txt"]  # reading it tells what it is


def test_a_path_where_nothing_is_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.png: expected a picture or a folder of pictures, received nothing"):
        files.find(tmp_path / "nowhere.png")


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("seen in June")
    found = files.find(tmp_path)
    with pytest.raises(InputError, match=r"received none, but 1 text file \(.*notes\.txt\); name another folder"):
        found.check_any()


def test_a_folder_of_archives_is_to_be_unpacked(tmp_path):
    (tmp_path / "pictures.zip").write_bytes(b"PK\3\4" + bytes(40))
    with pytest.raises(InputError, match=r"but 1 zip archive \(.*pictures\.zip\); unpack it, or name another folder"):
        files.find(tmp_path).check_any()


def test_what_is_hidden_and_folders_named_like_pictures_are_left_out(tmp_path):
    write(tmp_path, ".trash/0.png", "._1.jpg", "1.jpg", "2.png/3.png")
    assert files.find(tmp_path).pictures == [tmp_path / "1.jpg", tmp_path / "2.png/3.png"]
    assert files.find(tmp_path / "._1.jpg").pictures == [tmp_path / "._1.jpg"]  # since it is named


def paths(folder: Path, kinds: dict[str, list[Path]]) -> dict[str, list[str]]:
    return {kind: [path.relative_to(folder).as_posix() for path in found] for kind, found in kinds.items()}


def test_what_systems_leave_is_counted_by_kind(tmp_path):
    left = ("__MACOSX/cat/0.png", "cat/@eaDir/0.png/SYNOPHOTO_THUMB_M.jpg", "lost+found/0.png", "$RECYCLE.BIN/1.png")
    left += ("cat/.ipynb_checkpoints/0.png", ".Trash-1000/0.png", "cat/._0.png", "cat/.hidden.png", ".DS_Store")
    left += ("cat/Thumbs.db", "Desktop.ini", "#recycle/0.png", "System Volume Information/0.png", "Icon\r")
    write(tmp_path, "cat/0.png", *left)
    found = files.find(tmp_path)
    assert found.pictures == [tmp_path / "cat/0.png"]
    assert found.folders == [tmp_path / "cat"]
    assert paths(tmp_path, found.left_out) == {
        "system folder": [
            "#recycle", "$RECYCLE.BIN", "System Volume Information", "__MACOSX", "cat/@eaDir", "lost+found",
        ],
        "hidden file": [".DS_Store", "cat/.hidden.png"],
        "hidden folder": [".Trash-1000", "cat/.ipynb_checkpoints"],
        "system file": ["Desktop.ini", "Icon\r", "cat/Thumbs.db"],
        "resource fork": ["cat/._0.png"],
    }  # fmt: skip


def test_files_that_are_no_pictures_are_counted_by_their_content(tmp_path, caplog):
    write(tmp_path, "0.png", "1")
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "b.csv").write_text("path,label\n")
    (tmp_path / "c.bin").write_bytes(bytes(range(256)))
    (tmp_path / "d.mov").write_bytes(b"\0\0\0\x14ftypqt  \0\0\0\0qt  ")
    found = files.find(tmp_path)
    assert [path.name for path in found.pictures] == ["0.png", "1"]
    caplog.set_level("INFO")
    found.tell()
    assert caplog.messages == [
        f"left out: 2 text files (the first {tmp_path}/a.txt), 1 file of an unknown format ({tmp_path}/c.bin), "
        f"1 video ({tmp_path}/d.mov)"
    ]
    assert found.problems() == []


def test_a_file_that_is_named_like_a_picture_is_to_be_read_so_that_its_error_is_told(tmp_path):
    for name in ("a.png", "b.JPG", "c.tga"):
        (tmp_path / name).write_text("<html>")
    (tmp_path / "d.webp").touch()
    found = files.find(tmp_path)
    assert [path.name for path in found.pictures] == ["a.png", "b.JPG", "c.tga", "d.webp"]


def test_pictures_of_formats_that_are_not_read_are_one_error_a_format(tmp_path, without_extras):
    for name in ("0.HEIC", "1.heic", "2.jpg"):
        (tmp_path / name).write_bytes(HEIC)
    (tmp_path / "logo.svg").write_text("<svg/>")
    write(tmp_path, "3.png")
    found = files.find(tmp_path)
    found.check_any()
    assert found.pictures == [tmp_path / "3.png"]
    heif, svg = map(str, found.problems())
    assert heif.startswith(f"{tmp_path}: expected pictures of the formats PNG, JPEG, WEBP, BMP, GIF, TIFF, PPM")
    assert f"received 3 HEIF pictures, the first {tmp_path}/0.HEIC; pip install pillow-heif, or save" in heif
    assert svg.startswith(f"{tmp_path}/logo.svg: expected pictures of the formats")
    assert svg.endswith("received an SVG picture; save it again, as PNG for instance")


def test_heic_is_a_picture_where_it_is_read(tmp_path, with_heif):
    (tmp_path / "IMG_1.HEIC").write_bytes(HEIC)
    assert files.find(tmp_path).pictures == [tmp_path / "IMG_1.HEIC"]


def test_links_to_files_and_folders_are_followed(tmp_path):
    write(tmp_path, "store/0.png", "store/deep/1.png", "mine/cat/2.png")
    (tmp_path / "mine/cat/more").symlink_to(tmp_path / "store")
    (tmp_path / "mine/cat/3.png").symlink_to("../../store/0.png")
    (tmp_path / "mine/cat/4.png").hardlink_to(tmp_path / "store/0.png")
    (tmp_path / "linked").symlink_to("mine")
    found = files.find(tmp_path / "linked")
    names = ["cat/2.png", "cat/3.png", "cat/4.png", "cat/more/0.png", "cat/more/deep/1.png"]
    assert found.pictures == [tmp_path / "linked" / name for name in names]
    assert (found.repeated, found.circles, found.dead_links, found.left_out) == ([], [], [], {})


def test_dead_links_are_one_error(tmp_path):
    write(tmp_path, "0.png")
    (tmp_path / "1.png").symlink_to("gone.png")
    (tmp_path / "2.png").symlink_to("2.png")
    (tmp_path / "more").symlink_to("/gone")
    found = files.find(tmp_path)
    assert found.pictures == [tmp_path / "0.png"]
    [problem] = map(str, found.problems())
    assert problem == (
        f"{tmp_path}/1.png: expected a link to a file or a folder, received a link to gone.png, which is not there "
        "(and 2 more); restore it, with dvc checkout for instance, or delete the link"
    )
    with pytest.raises(
        InputError, match=r"1\.png: expected a picture or a folder .*received a link that leads nowhere"
    ):
        files.find(tmp_path / "1.png")


def test_a_circle_of_links_ends_and_is_told(tmp_path, caplog):
    write(tmp_path, "mine/cat/0.png", "mine/dog/1.png")
    (tmp_path / "mine/cat/up").symlink_to("..")
    (tmp_path / "mine/dog/self").symlink_to(".")
    (tmp_path / "mine/dog/top").symlink_to("../..")
    write(tmp_path, "other/2.png")
    found = files.find(tmp_path / "mine")
    assert [path.name for path in found.pictures] == ["0.png", "1.png"]
    found.tell()
    told = "warning: {0}/mine/{1} leads back to {0}{2}, which holds it; it is not followed"
    links = [("cat/up", "/mine"), ("dog/self", "/mine/dog"), ("dog/top", "")]
    assert caplog.messages == [told.format(tmp_path, *link) for link in links]


def test_a_folder_that_is_there_twice_is_named_with_its_first_path(tmp_path):
    write(tmp_path, "mine/dog/0.png", "mine/dog/deep/1.png")
    (tmp_path / "mine/cat").symlink_to("dog")
    found = files.find(tmp_path / "mine")
    assert found.repeated == [(tmp_path / "mine/dog", tmp_path / "mine/cat")]
    assert len(found.pictures) == 4


def test_a_pipe_is_never_opened(tmp_path):
    write(tmp_path, "0.png")
    os.mkfifo(tmp_path / "pipe.png")
    found = files.find(tmp_path)
    assert paths(tmp_path, found.left_out) == {"pipe or device": ["pipe.png"]}
    with pytest.raises(InputError, match=r"pipe\.png: expected a picture or a folder of pictures, received a pipe or"):
        files.find(tmp_path / "pipe.png")


def test_names_that_no_terminal_can_show_are_escaped(tmp_path, caplog):
    caplog.set_level("INFO")
    write(tmp_path, "0.png")
    name = os.fsdecode(b"caf\xe9\n\x1b[31m.txt")
    (tmp_path / name).write_text("x")
    files.find(tmp_path).tell()
    assert caplog.messages == [f"left out: 1 text file ({tmp_path}/caf\\xe9\\n\\x1b[31m.txt)"]


def test_a_file_is_looked_at_with_one_small_read(tmp_path, monkeypatch):
    write(tmp_path, *(f"{number}.png" for number in range(20)))
    opened = []
    original = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, *given, **more: opened.append(self) or original(self, *given, **more)
    )
    assert len(files.find(tmp_path).pictures) == 20
    assert len(opened) == len(set(opened)) == 20


def test_files_that_lie_with_git_lfs_are_one_error(tmp_path):
    for name in ("0.png", "1.jpg", "weights.bin"):
        (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    found = files.find(tmp_path)
    [problem] = map(str, found.problems())
    assert problem.endswith(f"received 2 Git LFS pointers, the first {tmp_path}/0.png; git lfs pull")
    assert paths(tmp_path, found.left_out) == {"Git LFS pointer": ["weights.bin"]}


def test_a_folder_that_cannot_be_listed_and_a_file_that_cannot_be_opened_are_errors(tmp_path, monkeypatch):
    write(tmp_path, "cat/0.png", "dog/1")

    def refuse(path, *_, **more):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        assert files.find(tmp_path).pictures == [tmp_path / "cat/0.png", tmp_path / "dog/1"]  # reading them tells it
    with monkeypatch.context() as patch:
        scandir = os.scandir
        patch.setattr(os, "scandir", lambda path: refuse(path) if Path(path).name == "dog" else scandir(path))
        expected = (
            "dog: expected a folder whose files can be listed, received Permission denied; change its permissions"
        )
        with pytest.raises(InputError, match=expected):
            files.find(tmp_path)
