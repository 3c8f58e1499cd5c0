"""How fast, how small: measured side by side in one run, against what people use today.

``python -m benchmarks`` measures all sections, prints their tables and keeps them in ``benchmarks/results.json``, from
which the page of the docs is made; ``python -m benchmarks fits ends`` measures some and only prints them, with
``--keep`` keeps them, too. ``--repeats`` says in how many new processes.

Each section is a module: functions that a new process calls and times, and `rows`, which sets them side by side with
the bars they have to keep.

- ``first_answers`` : import, first fit, first picture of a process, beside PyMC
- ``grids``         : many points of one model, beside handwritten loops (``handwritten``), and their memory
- ``refinement``    : few points of a fine grid in place of all
- ``fits``          : fits after the first, beside statsmodels, lifetimes, SciPy, lmfit
- ``ends``          : intervals, contours, profiles, beside iminuit and pyPESTO
- ``stacks``        : refits to simulated data, beside R's `glm`
- ``effects``       : random effects integrated out, beside lme4 and glmmTMB
- ``scans``         : loops in the density
- ``descents``      : recorded steps
- ``pointwise``     : every observation at every draw
- ``clusters``      : two workers of a Dask cluster, beside one
- ``large_data``    : a fit from a store, beside one in memory
- ``pages``         : reports, and the explorer in a browser

They share ``workloads`` (models and data), ``clocks``, ``isolate`` (new processes, in turns), ``rows`` (figures and
bars), ``with_r`` and ``results`` (the file, and tables from it).

``python -m benchmarks.coverage`` simulates how often intervals and tests are right, and keeps it for a page of the
docs. ``python -m benchmarks.starts`` and ``python -m benchmarks.size`` are studies of their own, which take hours.
"""
