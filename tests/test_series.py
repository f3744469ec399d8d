"""Forecasts judged as they would have been made, and who forecasts sunspots."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import data, nn, optim
from tinygrad_lite.zoo import sequences

RNG = np.random.default_rng(0)


def test_a_line_is_found_again():
    rows, weights = RNG.standard_normal((40, 3)), np.array([0.5, -1.0, 2.0])
    line = data.autoregression(rows, (rows @ weights + 0.25)[:, None])
    np.testing.assert_allclose(line(np.eye(3)), weights + 0.25, rtol=1e-12)


@pytest.mark.parametrize(("window", "ahead", "ends"), [(3, 4, (10, 17, 25)), (1, 1, (5, 6)), (5, 9, (6, 12, 20, 30))])
def test_a_backtest_is_forecasting_one_by_one(window, ahead, ends):
    series = RNG.uniform(1, 9, 30)
    there, back = np.log, np.exp
    made, errors = data.backtest(series, data.autoregression, window, ends, ahead, there, back)
    assert made.shape == (ends[-1] - ends[0], ahead) and errors.shape == (ahead,)
    missed = [[] for _ in range(ahead)]
    for first in range(ends[0], ends[-1]):
        end = max(e for e in ends if e <= first)
        known = there(series[:end]) - there(series[:end]).mean()
        columns = np.array([[*known[k : k + window], 1] for k in range(end - window)])
        weights = np.linalg.lstsq(columns, known[window:], rcond=None)[0]
        so_far = list(there(series[:first]) - there(series[:end]).mean())
        for k in range(ahead):
            so_far.append(np.dot(weights, [*so_far[-window:], 1]))
            value = back(so_far[-1] + there(series[:end]).mean())
            assert made[first - ends[0], k] == pytest.approx(value, rel=1e-8)
            if first + k < ends[-1]:
                missed[k].append(value - series[first + k])
    np.testing.assert_allclose(errors, [np.sqrt(np.mean(np.square(m))) for m in missed], rtol=1e-8)


def test_nothing_is_learned_from_what_comes_later():
    seen, series = [], np.arange(40.0)

    def fit(rows, following):
        seen.append(max(rows.max(), following.max()) - rows.min())
        return lambda w: w[:, -1]

    data.backtest(series, fit, 4, (10, 20, 30), 3)
    assert seen == [9, 19]
    changed = series.copy()
    changed[30:] = 1e6
    for ends in ((10, 20, 30), (12, 30)):
        for a, b in zip(*(data.backtest(s, data.autoregression, 4, ends, 5) for s in (series, changed))):
            np.testing.assert_array_equal(a, b)


def test_ends_that_do_not_fit_are_told():
    for ends in ((5,), (3, 10), (5, 21), (9, 9), (10, 6)):
        with pytest.raises(ValueError, match=r"backtest: ends must grow from above the window, 3, up to 20, got \("):
            data.backtest(np.zeros(20), data.autoregression, 3, ends)


def lstm(rows, following):
    """The mean of five networks; what is set here was chosen by forecasts of 1801 to 1920, as example 38 does it."""
    x, models = np.ascontiguousarray(rows.T[..., None]), []
    for seed in range(5):
        tl.manual_seed(seed)
        models.append(model := sequences.ManyToOne(nn.LSTM(1, 16), 1))
        optimizer, rng = optim.Adam(model.parameters(), lr=5e-3, weight_decay=3e-4), np.random.default_rng(seed)
        for epoch in range(120):
            optimizer.lr = 5e-3 * min(1, 2 - epoch / 60)
            for some in np.array_split(rng.permutation(len(rows)), -(-len(rows) // 32)):
                optimizer.zero_grad()
                nn.functional.mse_loss(model(tl.Tensor(x[:, some])), tl.Tensor(following[some])).backward()
                optimizer.step()
    return lambda w: np.mean([m(tl.Tensor(w.T[..., None].astype(np.float32))).data[:, 0] for m in models], 0)


def test_an_lstm_forecasts_sunspots_better_than_naive_ones_and_the_line_that_was_chosen():
    """Of all lines it is as good as the one that turns out best; naive ones and that which was best before are worse by a tenth."""
    _, numbers = data.load_sunspots()
    forms = (lambda v: v / 100, lambda v: 100 * v), (lambda v: np.sqrt(v) / 10, lambda v: 100 * v.clip(0) ** 2)
    choosing, judging = [[year - 1699 for year in ends] for ends in ((1800, 1840, 1880, 1920), (1920, 1960, 2008))]
    lines = [(n, form) for form in forms for n in (2, 3, 6, 9, 12, 18)]
    before, after = (
        np.array([data.backtest(numbers, data.autoregression, n, ends, 11, *form)[1] for n, form in lines])
        for ends in (choosing, judging)
    )
    chosen, best = after[before[:, 0].argmin()], after.min(0)
    network = data.backtest(numbers, lstm, 9, judging, 11, *forms[1])[1]
    since_1921 = numbers[221:]
    same = np.sqrt(np.mean((numbers[220:-1] - since_1921) ** 2))
    cycle = np.sqrt(np.mean((numbers[210:-11] - since_1921) ** 2))
    assert network[0] < 0.6 * min(same, cycle), (network, same, cycle)
    assert (network < 0.9 * chosen).all(), (network, chosen)
    assert network[0] < 1.05 * best[0] and (network < 1.1 * best).all(), (network, best)
