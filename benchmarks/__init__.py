"""How fast the engine is beside its peers: ``python -m benchmarks`` (``--quick`` to see it run, ``--help`` for the rest).

rows.py        what is computed: shapes, data, first weights
frameworks/    each row in the words of each framework, as one function ``step``
timing.py      how a step is timed
worker.py      a measuring process: one framework or all of them in turn
machine.py     what the numbers depend on: processor, threads, versions, allocator
report.py      the table, the plot
__main__.py    starts the processes, checks that all compute the same thing, writes results/
layers/        what the suites convolution/, recurrence/ and networks/ share
"""
