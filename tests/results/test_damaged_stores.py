"""Stores that lost something, that another call holds, that cannot be written: the same numbers, or one sentence."""

import contextlib
import errno
import os
import shutil
from functools import partial

import numpy as np
import pytest
import xarray as xr
from posteriors import mean_of
from verbs import again, fit

import pymc_landscape as pml
from pymc_landscape.results import StoreDirectory, ZarrStore, store_directory, store_lock, zarr_files

Y = np.array([1.0, 2.0, 0.5, 4.5])
pytest.importorskip("zarr")


@pytest.fixture(scope="module")
def here():
    return fit(mean_of(Y))


def surface(here, store=None) -> xr.Dataset:
    return pml.evaluate_landscape(here, {"mu": (0, 4, 30)}, store=store, progressbar=False).load()


def profile(here, store=None) -> xr.Dataset:
    return pml.profile_likelihood(here, store=store, progressbar=False)


def bootstrap(here, store=None) -> xr.Dataset:
    return again(here, 5, store=store)


VERBS = pytest.mark.parametrize("call", [surface, profile, bootstrap])


def same(found: xr.Dataset, right: xr.Dataset) -> None:
    xr.testing.assert_identical(found.drop_attrs(), right.drop_attrs())


def said_or_same(call, here, store, right) -> bool:
    """Whether a store is refused, in a sentence that names it; else what it gives is right."""
    try:
        found = call(here, store)
    except ValueError as error:
        said = str(error)
    else:
        same(found, right)
        return False
    assert str(store) in said
    assert "delete it" in said
    return True


def flipped(file, rng) -> None:
    contents = bytearray(file.read_bytes())
    contents[rng.integers(len(contents))] ^= 1 << int(rng.integers(8))
    file.write_bytes(contents)


def cut(file, rng) -> None:
    file.write_bytes(file.read_bytes()[: rng.integers(file.stat().st_size)])


@pytest.mark.parametrize(
    "call", [surface, *(pytest.param(call, marks=pytest.mark.exhaustive) for call in (profile, bootstrap))]
)
def test_what_is_lost_or_flipped_is_refused_or_makes_no_difference(call, here, tmp_path, rng, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda file: None)
    call(here, tmp_path / "right.zarr")
    right = call(here, tmp_path / "right.zarr")
    files = sorted(p.relative_to(tmp_path / "right.zarr") for p in (tmp_path / "right.zarr").rglob("*") if p.is_file())
    refused = 0
    for harm in (flipped, cut, lambda file, rng: file.unlink()):
        for file in files:
            shutil.copytree(tmp_path / "right.zarr", tmp_path / "x.zarr")
            harm(tmp_path / "x.zarr" / file, rng)
            refused += said_or_same(call, here, tmp_path / "x.zarr", right)
            shutil.rmtree(tmp_path / "x.zarr")
    assert refused > 2 * len(files)


@VERBS
def test_ended_between_any_two_changes_of_folders(call, here, tmp_path, monkeypatch):
    """As if the process had been killed: no clearing up."""

    class KilledError(BaseException):
        pass

    monkeypatch.setattr(os, "fsync", lambda file: None)
    right = call(here, tmp_path / "right.zarr")
    (tmp_path / "x.zarr.new").mkdir()
    (tmp_path / "x.zarr.old").mkdir()
    for n in range(1, 5):
        left, rename = [n], os.rename
        with monkeypatch.context() as dying:

            def counted(*args, left=left, rename=rename):
                left[0] -= 1
                if not left[0]:
                    raise KilledError
                rename(*args)

            dying.setattr(os, "rename", counted)
            dying.setattr(StoreDirectory, "_clear", lambda self, beside: None)
            with contextlib.suppress(KilledError):
                call(here, tmp_path / "x.zarr")
        same(call(here, tmp_path / "x.zarr"), right)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["right.zarr", "x.zarr", "x.zarr.new", "x.zarr.old"]
        shutil.rmtree(tmp_path / "x.zarr")


def test_files_of_others_in_a_store_stay(here, tmp_path):
    again(here, 3, store=tmp_path / "boot.zarr")
    (tmp_path / "boot.zarr" / "notes.txt").write_text("mine")
    again(here, 5, store=tmp_path / "boot.zarr")
    assert (tmp_path / "boot.zarr" / "notes.txt").read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["boot.zarr"]


@VERBS
def test_a_store_that_another_call_works_on_is_refused(call, here, tmp_path):
    with (
        StoreDirectory(tmp_path / "x.zarr"),
        pytest.raises(ValueError, match=rf"x\.zarr to be free, got one that process {os.getpid()}"),
    ):
        call(here, tmp_path / "x.zarr")
    call(here, tmp_path / "x.zarr")
    assert [p.name for p in tmp_path.iterdir()] == ["x.zarr"]
    (tmp_path / ".x.zarr.lock").write_text("mine")
    with pytest.raises(ValueError, match=r"Expected no file .*lock"):
        call(here, tmp_path / "x.zarr")
    assert (tmp_path / ".x.zarr.lock").read_text() == "mine"


@VERBS
def test_where_the_disk_is_full_the_result_comes_with_a_warning(call, here, tmp_path, monkeypatch):
    right = call(here)

    def full(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as filled:
        filled.setattr(store_directory, "replace_file", full)
        filled.setattr("pymc_landscape.results.store_record.replace_file", full)
        with pytest.warns(UserWarning, match=r"could not be kept in the store .*x\.zarr .No space left"):
            same(call(here, tmp_path / "x.zarr"), right)
    same(call(here, tmp_path / "x.zarr"), right)
    assert [p.name for p in tmp_path.iterdir()] == ["x.zarr"]


def test_a_disk_that_is_full_in_the_midst_of_pointwise_values_is_told_in_a_sentence(here, tmp_path, monkeypatch):
    dt = xr.Dataset({"mu": (("chain", "draw"), np.linspace(1, 2, 40).reshape(2, 20))})
    ask = partial(pml.pointwise_log_likelihood, here, dt, chunks=5, progressbar=False)
    written, write = [], ZarrStore.write

    def full(self, name, start, values):
        if start >= 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(start)
        write(self, name, start, values)

    with monkeypatch.context() as filled:
        filled.setattr(ZarrStore, "write", full)
        with pytest.raises(OSError, match=r"Expected a store .*x\.zarr, .*No space left.*is kept"):
            ask(store=tmp_path / "x.zarr")
    assert written
    monkeypatch.setattr(ZarrStore, "write", lambda self, name, start, values: (
        pytest.fail("written again") if start < 20 else write(self, name, start, values)
    ))  # fmt: skip
    whole, right = ask(store=tmp_path / "x.zarr"), ask()
    for group in ("log_likelihood", "log_prior"):
        xr.testing.assert_allclose(whole[group].to_dataset(), right[group].to_dataset())


@VERBS
def test_where_nothing_can_be_written_it_is_said_before_the_work(call, here, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "x.zarr"):
        with pytest.raises(ValueError, match=r"Expected a (zarr )?store .*file"):
            call(here, place)
    right = call(here, tmp_path / "x.zarr")
    monkeypatch.setattr(os, "open", lambda *args, **options: (_ for _ in ()).throw(OSError(errno.EROFS, "Read-only")))
    with pytest.raises(ValueError, match=r"store that can be written .*y\.zarr.*Read-only"):
        call(here, tmp_path / "y.zarr")
    same(call(here, tmp_path / "x.zarr"), right)  # what is finished is read all the same


def test_chunks_have_checksums_and_nothing_is_pickled(here, tmp_path):
    import zarr

    again(here, 3, store=tmp_path / "boot.zarr")
    for _, array in zarr.open_group(tmp_path / "boot.zarr", mode="r").arrays():
        assert [type(codec) for codec in array.compressors] == [type(codec) for codec in zarr_files.checksums()]
        assert array.dtype != object


# --- what stands beside a store, and its lock -------------------------------------------------------------------------


def test_of_what_lies_about_only_rests_of_ours_are_deleted(tmp_path):
    store, chunk = tmp_path / "x.zarr", f"0.{'a' * 32}.partial"
    (store / "c").mkdir(parents=True)
    rests = [store / "c" / chunk, tmp_path / ".x.zarr.empty.partial", tmp_path / ".x.zarr.ours.partial"]
    foreign = [store / "notes.partial", tmp_path / ".x.zarr.file.partial", tmp_path / ".x.zarr.link.partial"]
    folders = {name: tmp_path / f".x.zarr.{name}.partial" for name in ("empty", "ours", "broken", "other", "full")}
    for folder in folders.values():
        folder.mkdir()
    for file in (rests[0], *foreign[:2], folders["full"] / "kept"):
        file.write_text("something")
    foreign[2].symlink_to(folders["full"])
    marks = {"ours": '{"made_by": "pymc_landscape", "store": "x.zarr"}', "broken": '{"made_by'}
    for name, text in {**marks, "other": marks["ours"].replace("x.", "y.")}.items():
        (folders[name] / store_directory.MARK).write_text(text)
    with StoreDirectory(store):
        assert not any(rest.exists() for rest in rests)
    assert all(path.exists() for path in (*foreign, folders["broken"], folders["other"], folders["full"] / "kept"))


def test_where_a_file_system_knows_no_locks_there_is_none(tmp_path, monkeypatch):
    def says(number):
        def flock(descriptor, operation):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr("fcntl.flock", flock)
        return StoreDirectory(tmp_path / "x.zarr")

    with says(errno.ENOLCK) as place:
        place.require_writable()
    with pytest.raises(ValueError, match=r"Expected the store .* to be free"):
        says(errno.EAGAIN).open()
    with pytest.raises(ValueError, match="Input/output error"):
        says(errno.EIO).open()


def test_a_lock_that_was_deleted_while_one_waited_for_it_is_made_again(tmp_path, monkeypatch):
    lock = store_lock._lock
    deleted = []

    def lock_of_a_file_that_is_gone(descriptor):
        if not deleted:
            deleted.append(os.unlink(tmp_path / ".x.zarr.lock"))
        return lock(descriptor)

    monkeypatch.setattr(store_lock, "_lock", lock_of_a_file_that_is_gone)
    with StoreDirectory(tmp_path / "x.zarr"):
        assert deleted
        with pytest.raises(ValueError, match=r"Expected the store .* to be free"):
            StoreDirectory(tmp_path / "x.zarr").open()
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "zarr.json"
    store_directory.replace_file(path, b"old")
    sync = os.fsync

    def says(number):
        def fsync(descriptor):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", fsync)

    says(errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        store_directory.replace_file(path, b"new")
    with pytest.raises(OSError, match="Input/output error"):
        store_directory.sync_path(path)
    says(errno.EINVAL)
    store_directory.sync_path(tmp_path)  # a file system that cannot be asked to write a directory
    monkeypatch.setattr(os, "fsync", sync)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]
    store_directory.replace_file(path, b"new")
    assert path.read_bytes() == b"new"
