"""What pandas says of trades: reads them as lines of JSON, prints for each month and figure a number, or null.

Returns are from the close of one trading day to that of the next. Of a month those count that end in it.
"""

import json
import sys

import numpy
import pandas

TRADING_DAYS = 252


def fall(values: pandas.Series) -> float:
    return float((1 - values / values.cummax()).max())


def risk(month: pandas.DataFrame, closes: pandas.DataFrame) -> dict:
    ours, market = month["ACME"].dropna(), month["MARKET"].dropna()
    both = month.dropna()
    downside = numpy.sqrt((numpy.minimum(ours, 0) ** 2).mean())
    return {
        "VOLATILITY": ours.std(),
        "SHARPE": ours.mean() / ours.std() * numpy.sqrt(TRADING_DAYS),
        "SORTINO": ours.mean() / downside,
        "VALUE_AT_RISK": -numpy.percentile(ours, 5, method="inverted_cdf"),
        "BETA": both["ACME"].cov(both["MARKET"]) / both["MARKET"].var(),
        "CORRELATION": both["ACME"].corr(both["MARKET"]),
        "DRAWDOWN": fall(closes["ACME"].dropna()),
        "MEAN_CLOSE": closes["ACME"].mean(),
        "TRADING_DAYS": float(closes["ACME"].count()),
    }


def main() -> None:
    trades = pandas.DataFrame([json.loads(line) for line in sys.stdin])
    trades["at"] = pandas.to_datetime(trades["at"], utc=True)
    trades["price"] = trades["price"].astype(float)
    day = trades["at"].dt.floor("D")
    closes = trades.sort_values("at").groupby([day, "symbol"])["price"].last().unstack()
    returns = closes.apply(lambda one: one.dropna().pct_change())
    months = returns.index.strftime("%Y-%m")
    told = {month: risk(returns[months == month], closes[months == month]) for month in sorted(set(months))}
    json.dump({month: {name: None if pandas.isna(value) else float(value) for name, value in of.items()} for month, of in told.items()}, sys.stdout)


main()
