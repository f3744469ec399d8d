"""The rows for libraries with PyTorch's names: the same text runs PyTorch and ours."""

from __future__ import annotations

from .. import rows


def chain(x, w):
    """The chain of products of two leaf tensors that require a gradient."""

    def step():
        x.grad = w.grad = None
        y = x
        for _ in range(rows.CHAIN_LENGTH):
            y = y * w
        y.sum().backward()
        return w.grad

    return step


def model(nn, row):
    """The Sequential of ``row``."""
    kinds = {"tanh": nn.Tanh, "relu": nn.ReLU, "sigmoid": nn.Sigmoid}
    modules = []
    for n_in, n_out, activation in zip(row.sizes, row.sizes[1:], row.activations):
        modules.append(nn.Linear(n_in, n_out))
        if activation != "identity":
            modules.append(kinds[activation]())
    return nn.Sequential(*modules)


def training(nn, optim, net, row, x, target):
    """A training step as every user of PyTorch writes it."""
    criterion = nn.CrossEntropyLoss() if row.loss == "cross_entropy" else nn.MSELoss()
    if row.optimizer == "adam":
        optimizer = optim.Adam(net.parameters(), lr=row.lr, betas=rows.BETAS, eps=rows.EPS)
    else:
        optimizer = optim.SGD(net.parameters(), lr=row.lr)

    def step():
        optimizer.zero_grad()
        loss = criterion(net(x), target)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
