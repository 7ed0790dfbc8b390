"""What collecting does to the books, whoever asks for it: bills, accounts, payments, refunds.

Functions over one store transaction; flows, commands and jobs call them, so that a rule of the
business stands in one place.
"""
