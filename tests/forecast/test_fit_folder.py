from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from planner import fits
from planner.errors import InputError
from planner.fits import FitFolder

KEY = "a" * 64
FIT = np.array([[0.1, np.nan, -0.0], [np.inf, 5e-324, 1 / 3]])


def only(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_what_is_kept_is_found_bit_for_bit_by_another_process(tmp_path: Path) -> None:
    FitFolder(folder=tmp_path / "new" / "cache").keep(KEY, FIT)
    found = FitFolder(folder=tmp_path / "new" / "cache").find(KEY)
    assert found is not None
    assert found.tobytes() == FIT.tobytes()
    assert found.shape == FIT.shape


def test_nothing_is_found_where_nothing_was_kept(tmp_path: Path) -> None:
    assert FitFolder(folder=tmp_path / "none").find(KEY) is None
    assert not (tmp_path / "none").exists()


def flipped(held: bytes) -> bytes:
    return held[:-3] + bytes([held[-3] ^ 1]) + held[-2:]


@pytest.mark.parametrize(
    "damage",
    [flipped, lambda held: held[: len(held) // 2], lambda held: held[:10], lambda held: b"", lambda held: held + b"x"],
    ids=["a bit flipped", "torn", "torn early", "empty", "too long"],
)
def test_a_damaged_file_is_none_and_is_replaced(tmp_path: Path, damage: object) -> None:
    folder = FitFolder(folder=tmp_path)
    folder.keep(KEY, FIT)
    path = only(tmp_path)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    assert folder.find(KEY) is None
    folder.keep(KEY, FIT)
    assert folder.find(KEY) is not None


def test_a_file_under_the_name_of_another_fit_is_none(tmp_path: Path) -> None:
    folder = FitFolder(folder=tmp_path)
    folder.keep(KEY, FIT)
    kept = only(tmp_path).read_bytes()
    folder.keep("b" * 64, FIT + 1)
    for path in tmp_path.iterdir():
        path.write_bytes(kept)
    assert [folder.find(key) is None for key in (KEY, "b" * 64)] == [False, True]


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pickle"):
        FitFolder(folder=tmp_path).keep(KEY, np.array([object()]))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_another_version_of_a_library_finds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FitFolder(folder=tmp_path).keep(KEY, FIT)
    monkeypatch.setattr(fits, "version", lambda library: "0")  # what is installed can't be changed for a test
    fits._code.cache_clear()
    found = FitFolder(folder=tmp_path).find(KEY)
    fits._code.cache_clear()
    assert found is None


def test_the_longest_unused_goes_first(tmp_path: Path) -> None:
    size = len(fits._sealed("", b"")) + 128 + FIT.nbytes
    folder = FitFolder(folder=tmp_path, most_bytes=2 * size)
    for age, key in ((3, "old"), (2, "newer")):
        folder.keep(key, FIT)
        os.utime(folder._path(key), (1e9 - age, 1e9 - age))
    assert folder.find("old") is not None  # used now
    folder.keep("newest", FIT)
    assert [folder.find(key) is None for key in ("old", "newer", "newest")] == [False, True, False]


def test_what_a_killed_writer_left_goes_too_and_other_peoples_files_stay(tmp_path: Path) -> None:
    for name in ("left.part", "notes.txt"):
        (tmp_path / name).write_bytes(bytes(1000))
        os.utime(tmp_path / name, (0, 0))
    FitFolder(folder=tmp_path, most_bytes=1000).keep(KEY, FIT)
    assert {path.suffix for path in tmp_path.iterdir()} == {".fit", ".txt"}


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = FitFolder(folder=tmp_path)
    folder.keep(KEY, FIT)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(30, "Read-only file system")

    monkeypatch.setattr(fits, "NamedTemporaryFile", refuse)  # whoever runs tests as root may write anywhere
    monkeypatch.setattr(os, "utime", refuse)  # as above
    folder.keep("other", FIT)
    assert folder.find(KEY) is not None
    assert folder.find("other") is None


def test_a_disk_that_is_full_leaves_no_part_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)  # a full disk can't be had for a test
    FitFolder(folder=tmp_path).keep(KEY, FIT)
    assert list(tmp_path.iterdir()) == []


def test_many_writers_and_readers_see_whole_fits_or_none(tmp_path: Path) -> None:
    folder, wrong = FitFolder(folder=tmp_path, most_bytes=20_000), []
    arrays = {str(i): np.full(500, float(i)) for i in range(8)}

    def work(seed: int) -> None:
        for i in np.random.default_rng(seed).integers(0, 8, 60):
            found: NDArray[np.float64] | None = folder.find(str(i))
            if found is not None and found.tobytes() != arrays[str(i)].tobytes():
                wrong.append(i)
            folder.keep(str(i), arrays[str(i)])

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    folder.keep("last", FIT)
    assert {path.suffix for path in tmp_path.iterdir()} == {".fit"}
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 20_000


def test_a_cache_that_is_a_file_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is no folder"):
        FitFolder(folder=tmp_path / "file")


def test_a_folder_that_may_not_be_looked_at_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    for name in ("stat", "exists", "is_dir", "mkdir", "read_bytes"):
        monkeypatch.setattr(Path, name, refused)
    folder = FitFolder(folder=tmp_path / "locked" / "cache")
    folder.keep(KEY, FIT)
    assert folder.find(KEY) is None
