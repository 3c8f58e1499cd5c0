"""A class is written when it is first used, and is then what `dataclasses` makes of it."""

import copy
import dataclasses
import inspect
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from pymc_landscape._dataclasses import _Unwritten, dataclass


@dataclass(frozen=True)
class Place:
    """Where."""

    x: float
    names: list[str] = dataclasses.field(default_factory=list)


@dataclass(frozen=True)
class Stored:
    """What is only ever unpickled."""

    x: float
    y: float = 2.0


def fresh(**options):
    class Base:
        """With a default."""

        x: float
        y: float = 2.0

    class Heir(dataclass(**options)(Base)):
        """With a field more."""

        z: float = 3.0

        def __post_init__(self):
            object.__setattr__(self, "sum", self.x + self.y + self.z)

    return dataclass(**options)(Heir)


def is_written(cls):
    return not isinstance(cls.__dict__["__init__"], _Unwritten)


def test_no_method_is_generated_before_the_first_object():
    kind = fresh(frozen=True)
    assert not is_written(kind)
    assert not is_written(kind.__base__)
    kind(1.0)
    assert is_written(kind)
    assert is_written(kind.__base__)


@pytest.mark.parametrize(
    "options", [{"frozen": True}, {}, {"eq": False}, {"repr": False}, {"frozen": True, "eq": False}]
)
def test_what_is_written_is_what_dataclasses_writes(options):
    kind = fresh(**options)
    theirs = dataclasses.make_dataclass("Heir", [("x", float), ("y", float, 2.0), ("z", float, 3.0)], **options)
    ours, other = kind(1.0, z=4.0), theirs(1.0, z=4.0)
    assert ours.sum == 7.0
    assert dataclasses.asdict(ours) == dataclasses.asdict(other)
    assert (ours == kind(1.0, z=4.0)) == (other == theirs(1.0, z=4.0))
    assert ("Heir(x=1.0, y=2.0, z=4.0)" in repr(ours)) == ("Heir(x=1.0, y=2.0, z=4.0)" in repr(other))
    assert (kind.__hash__ is None) == (theirs.__hash__ is None)
    assert copy.copy(ours).sum == 7.0
    assert str(inspect.signature(kind)).split(" ->")[0] == str(inspect.signature(theirs)).split(" ->")[0]
    assert dataclasses.replace(ours, x=2.0).sum == 8.0
    if options.get("frozen"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            ours.x = 3.0


def test_signature_and_fields_are_known_before_the_first_object():
    assert list(inspect.signature(fresh()).parameters) == ["x", "y", "z"]
    assert [field.name for field in dataclasses.fields(fresh())] == ["x", "y", "z"]
    with pytest.raises(TypeError, match=r"Heir\.__init__\(\) missing 1 required positional argument: 'x'"):
        fresh()()


def test_what_is_unpickled_before_any_object_was_made_is_whole():
    at = pickle.dumps(Place(1.0))
    assert pickle.loads(at) == Place(1.0)
    unpickled = pickle.loads(b"\x80\x04\x8c" + bytes([len(__name__)]) + __name__.encode() + STORED)
    assert is_written(Stored)
    assert unpickled == Stored(1.0)
    assert hash(unpickled) == hash(Stored(1.0))
    assert repr(unpickled) == "Stored(x=1.0, y=2.0)"


# After the name of this module: the class's, then an object without arguments, and its state.
STORED = b"\x8c\x06Stored\x93)\x81}(\x8c\x01xG?\xf0\x00\x00\x00\x00\x00\x00\x8c\x01yG@\x00\x00\x00\x00\x00\x00\x00ub."


def test_threads_that_use_a_class_first_at_the_same_time_all_get_their_object():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(30):
            kind, together = fresh(frozen=True), Barrier(4)

            def make(number, kind=kind, together=together):
                together.wait()
                return kind(float(number)).sum

            with ThreadPoolExecutor(4) as pool:
                assert list(pool.map(make, range(4))) == [5.0, 6.0, 7.0, 8.0]
    finally:
        sys.setswitchinterval(interval)


def test_a_class_with_an_init_of_its_own_keeps_it():
    @dataclass
    class Own:
        """Doubles."""

        x: float

        def __init__(self, x):
            self.x = 2 * x

    assert Own(2.0) == Own(2.0)
    assert Own(2.0).x == 4.0
