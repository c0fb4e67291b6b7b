"""Alarms told to people who are not looking at the page: by webhook and by e-mail.

`settings` says whom to tell of what; `ledger` decides, purely, whom to tell when; `senders` carry
a notice to its recipient; `running` follows the plant and ties them together.
"""
