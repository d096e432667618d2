"""Time series: read, forecast and backtest."""
