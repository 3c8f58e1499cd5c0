"""Wrong values of arguments by kind: what no argument of that kind takes, whatever the verb."""

from __future__ import annotations

from typing import Any

import numpy as np
from argument_stock import Stock as S
from argument_stock import Y

NAN, INF, OBJECT = float("nan"), float("inf"), S("object")
NO_COUNT = [-1, 2.5, NAN, INF, "10", [5], True, OBJECT]
NO_LEVEL = [0, 1, 1.5, 95, -0.5, "95%", NAN, [], True, OBJECT]
NO_FIT: list[Any] = [5, "m", OBJECT, S("no_data"), S("dt"), [S("fit")], S("intervals")]
NO_NAMES: list[Any] = [5, [5], "nope", ["s", "nope"], [], [None], ""]
NO_DRAWS: list[Any] = [5, "m", OBJECT, S("model"), S("fit"), [S("dt")], {}]
NO_POINT: list[Any] = [{"nope": 1}, {"s": "x"}, {"s": NAN}, {"b": [1]}, {"b": [1, 2, 3]}, {"s": None}, 5, "s", OBJECT]

# By kind, the values that no argument of it takes.
KINDS: dict[str, list[Any]] = {
    "flag": ["no", 2, None, OBJECT, [True], 0.5],
    "count": [0, None, *NO_COUNT],
    "size": [None, *NO_COUNT],
    "optional count": [0, *NO_COUNT],
    "level": [None, [0.9], *NO_LEVEL],
    "optional level": [[0.9], *NO_LEVEL],
    "levels": [None, [0.9, "x"], [[0.9]], [0.9, 0.9], [0.9, 2], *NO_LEVEL],
    "heights": [[0.9, "x"], [0.9, 2], *NO_LEVEL],
    "seed": ["abc", -1, 1.5, OBJECT, [1.5], {}, [-1], np.random.RandomState(1)],
    "client": [5, "mine", [], OBJECT, True, "", {}, 2.5],
    "path": [5, 2.5, [], True, OBJECT, ""],
    "names": [*NO_NAMES, {"d": {"b[a]": 1}}],
    "quantities": [
        *NO_NAMES,
        *[{"d": weights} for weights in (5, {}, {"b[a]": 0}, {"b[a]": "x"}, {"b[a]": NAN}, {"nope": 1}, {"b": 1})],
        {},
        "y",
    ],
    "fit": NO_FIT,
    "draws": [
        *NO_DRAWS,
        None,
        S("dt_lacking"),
        S("dt_of_other_shape"),
        S("dt_without_group"),
        S("dt_with_nan"),
        S("grid"),
    ],
    "optional draws": [*NO_DRAWS, S("dt_lacking"), S("dt_without_group"), S("grid")],
    "group": [5, "nope", None, ["posterior"], ""],
    "word": ["nope", 5, "", [], OBJECT],
    "point": [*NO_POINT, {"s": INF}, {"s": -1}, {"s": [1, 2]}, S("dt"), {5: 1}, S("model")],
    "starts": [
        *[5.5, -1, 0, "nope", {"nope": 1}, [{"nope": 1}], {"s": NAN}, {"s": -1}, [], OBJECT, [5], True],
        *[np.zeros((2, 7)), S("dt_lacking")],
    ],
    "positive": [-1, 0, NAN, INF, "3", None, [1], OBJECT, True],
    "tolerance": [-1, NAN, INF, "3", None, [1], OBJECT],
    "lowest": ["x", NAN, INF, [1], OBJECT, S("model")],
    "vector": ["x", None, [1, 2], np.zeros(4), [[1, 2]], ["a", "b", "c"], {"b": [1, 2]}, OBJECT, np.zeros((3, 4))],
    "axes": [
        *[5, "x", [], {}, {5: [1, 2]}, OBJECT],
        *[{"s": 5}, {"s": "x"}, {"s": []}, {"s": [NAN, 1]}, {"s": [1, 1]}, {"s": None}, {"s": [[1, 2]]}],
        *[{"s": (0, 1)}, {"s": (1, 2, 2.5)}, {"s": (2, 1, -3)}, {"s": (NAN, 1, 3)}, {"s": (0, 1, "3")}],
        {"s": ("a", 1, 3)},
    ],
    "result": [5, "x", None, OBJECT, S("model"), [], Y],
    "figsize": [5, "x", (1,), (0, 1), (-1, 2), (1, 2, 3), ("a", "b"), (NAN, 1), OBJECT],
    "library": ["nope", 5, OBJECT],
    "visuals": [5, "x", {"nope": True}, [1], {5: True}],
}
