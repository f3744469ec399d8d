"""What the suites of layers (``python -m benchmarks.convolution``, ``.recurrence``, ``.networks``) share.

rows.py           a layer is two rows, forward alone and with backward
torch_style.py, jax_jit.py
                  a layer with its gradients as one function ``step``
check.py          whether a step computes what is expected
command.py        the command line: starts the processes, writes results/
report.py         the table, the plot

A suite is a package here. Beside what worker.py asks for it has

NAMES                      what ``--rows`` may name -> rows
PEERS                      the frameworks that ``--peers`` may name
MEMORY, MEMORY_FRAMEWORKS  the networks of first call and memory, and in what they are measured
GROWTH                     pairs of networks whose arrays are compared: everything kept, and states only; ours
"""
