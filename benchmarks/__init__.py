"""How fast, how small: measured side by side in one run, against what people use today.

``python -m benchmarks`` runs everything, prints one table and writes ``benchmarks/results.md``;
``python -m benchmarks throughput memory`` runs a part and only prints.
``--repeats`` says how often.

- ``workloads`` : the models, data and grids
- ``rivals``    : the same work by other means
- ``contest``   : ten thousand points of one model, in turns
- ``fitting``   : fits and descents, in turns
- ``starts``    : one search, the default and a hundred, of the models of the tests
- ``effects``   : random effects integrated out, beside lme4; hidden Markov chains
- ``pointwise`` : every observation at every draw, and its memory
- ``probes``    : what one new process measures; each prints one line of JSON
- ``isolate``   : starts those processes, takes turns between them
- ``sections``  : which probes make which rows, and the bar of each row
- ``table``     : rows to text

Every figure is the median of processes that took turns, so that a busy machine is busy for all.
"""
