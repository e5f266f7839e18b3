"""
The trading half: orders, matching, books. It knows prices, and nothing of HTTP.

`Desk` holds an account's orders, executions and books; `advance` moves it on in time. The same
commands at the same moments give the same account, however often it was moved on in between.
"""
