"""What pandas says of trades and positions: reads them as lines of JSON, prints of each kind of figures for each bucket a number, or null.

Returns are from the close of one trading day to that of the next. Of a month those count that end in it. Positions are those told last before an instant, and prices the last ones of
the ten days before it, or of the ten weeks or months.
"""

import itertools
import json
import sys

import numpy
import pandas

TRADING_DAYS = 252
BEGIN, END = pandas.Timestamp("2026-01-01", tz="UTC"), pandas.Timestamp("2026-06-01", tz="UTC")
STARTS = {"day": "D", "week": "W-MON", "month": "MS"}
TEN = {"day": pandas.DateOffset(days=10), "week": pandas.DateOffset(weeks=10), "month": pandas.DateOffset(months=10)}


def fall(values: pandas.Series) -> float:
    return float((1 - values / values.cummax()).max())


def risk(month: pandas.DataFrame, closes: pandas.DataFrame) -> dict:
    ours, market = month["ACME"].dropna(), month["MARKET"].dropna()
    both = month[["ACME", "MARKET"]].dropna()
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


class Book:
    """Trades and what is held."""

    def __init__(self, trades: pandas.DataFrame, positions: pandas.DataFrame):
        self.trades, self.positions = trades.sort_values(["at", "price"]), positions.sort_values("at")
        self.sectors = positions.groupby("symbol")["sector"].first()

    def closes(self, since: pandas.Timestamp, until: pandas.Timestamp) -> pandas.Series:
        at = self.trades["at"]
        return self.trades[(at >= since) & (at < until)].groupby("symbol")["price"].last()

    def prices(self, until: pandas.Timestamp, period: str) -> pandas.Series:
        return self.closes(until - TEN[period], until)

    def held(self, until: pandas.Timestamp) -> pandas.Series:
        told = self.positions[self.positions["at"] < until]
        return told.groupby(["account", "symbol"])["quantity"].last().groupby("symbol").sum()

    def gains(self, start: pandas.Timestamp, end: pandas.Timestamp, period: str) -> pandas.Series:
        return self.held(start) * (self.prices(end, period) - self.prices(start, period))

    def figures(self, start: pandas.Timestamp, end: pandas.Timestamp, period: str) -> dict:
        before = self.prices(start, period)
        change = (self.closes(start, end) - before).dropna()
        advancing, declining = float((change > 0).sum()), float((change < 0).sum())
        gain, value = total(self.gains(start, end, period)), total(self.held(start) * before)
        return {
            "ADVANCING": advancing,
            "DECLINING": declining,
            "BREADTH": advancing / declining if declining else numpy.nan,
            "PORTFOLIO_VALUE": total(self.held(end) * self.prices(end, period)),
            "PORTFOLIO_BEFORE": value,
            "PORTFOLIO_GAIN": gain,
            "PORTFOLIO_RETURN": gain / value,
        }


def total(values: pandas.Series) -> float:
    return values.sum(min_count=1)


def buckets(frequency: str) -> list:
    starts = pandas.date_range(BEGIN - pandas.Timedelta(days=8), END + pandas.Timedelta(days=40), freq=frequency)
    pairs = itertools.pairwise(starts)
    return [(start, end) for start, end in pairs if end > BEGIN and start < END]


def many(book: Book) -> dict:
    told = {}
    for period, frequency in STARTS.items():
        told[period] = {start.strftime("%Y-%m-%d"): book.figures(start, end, period) for start, end in buckets(frequency)}
    daily = pandas.Series({date: of["PORTFOLIO_RETURN"] for date, of in told["day"].items()})
    for period, frequency in STARTS.items():
        for start, end in buckets(frequency):
            last = (end - pandas.Timedelta(days=1)).strftime("%Y-%m-%d")
            so_far = daily[(daily.index <= last) & (daily.index >= last[:4])].dropna()
            told[period][start.strftime("%Y-%m-%d")]["YEAR_TO_DATE"] = (1 + so_far).prod(min_count=1) - 1
    for name, of in [("symbol", lambda gains: gains), ("sector", lambda gains: gains.groupby(book.sectors).sum(min_count=1))]:
        by_month = {start: of(book.gains(start, end, "month")).dropna().to_dict() for start, end in buckets("MS")}
        told[name] = {start.strftime("%Y-%m-%d"): gains for start, gains in by_month.items()}
    return told


def correlations(months: pandas.DatetimeIndex, returns: pandas.DataFrame, symbols: list) -> dict:
    told = {}
    for month in sorted(set(months)):
        matrix = returns[months == month].corr()
        told[f"{month}-01"] = {f"{one}_{other}": matrix.loc[one, other] for one, other in itertools.combinations(symbols, 2)}
    return told


def main() -> None:
    events = [json.loads(line) for line in sys.stdin]
    trades, positions = (pandas.DataFrame([event for event in events if name in event]) for name in ["price", "quantity"])
    for told in (trades, positions):
        told["at"] = pandas.to_datetime(told["at"], utc=True, format="ISO8601")
    trades["price"] = trades["price"].astype(float)
    day = trades["at"].dt.floor("D")
    closes = trades.sort_values("at").groupby([day, "symbol"])["price"].last().unstack()
    returns = closes.apply(lambda one: one.dropna().pct_change())
    months = returns.index.strftime("%Y-%m")
    kinds = {
        "risk": {month: risk(returns[months == month], closes[months == month]) for month in sorted(set(months))},
        "correlation": correlations(months, returns, ["ACME", "MARKET", "ZEN", "BOLT"]),
        **many(Book(trades, positions)),
    }
    plain = lambda of: {name: None if pandas.isna(value) else float(value) for name, value in of.items()}
    json.dump({kind: {bucket: plain(of) for bucket, of in figures.items()} for kind, figures in kinds.items()}, sys.stdout)


main()
