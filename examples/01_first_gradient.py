"""A first gradient: a function of two numbers, its derivatives by the engine and by hand, and its graph.

f(x, y) = x y + sin(x);  df/dx = y + cos(x),  df/dy = x,  d2f/dx2 = -sin(x),  d2f/dxdy = 1
"""

import argparse
import math
from pathlib import Path

import tinygrad_lite as tl
from tinygrad_lite import viz

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="nothing to shorten here: it takes no time")
arguments.add_argument("--out", type=Path, default=Path("runs/01_first_gradient"), help="folder for the picture")
options = arguments.parse_args()

x = tl.tensor(2.0, dtype=tl.float64, requires_grad=True)
y = tl.tensor(3.0, dtype=tl.float64, requires_grad=True)
f = x * y + tl.sin(x)
f.backward()
print(f"f(2, 3) = {f.item():.6f}      by hand {2 * 3 + math.sin(2):.6f}")
print(f"df/dx   = {x.grad.item():.6f}      by hand {3 + math.cos(2):.6f}")
print(f"df/dy   = {y.grad.item():.6f}      by hand {2:.6f}")


def function(x, y):
    """The same, for the transforms."""
    return x * y + tl.sin(x)


(xx, xy), _ = tl.hessian(function, (x, y))
print(f"d2f/dx2 = {xx.item():.6f}     by hand {-math.sin(2):.6f}")
print(f"d2f/dxdy= {xy.item():.6f}      by hand {1:.6f}")
assert tl.gradcheck(function, x, y, order=2)
print("finite differences agree, first and second order")

options.out.mkdir(parents=True, exist_ok=True)
print("the graph:", viz.render(f, options.out / "graph.svg", params={"x": x, "y": y}))
