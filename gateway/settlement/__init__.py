"""The money after it was collected: arrivals, clearing, refunds, income, remittance.

Functions over one store transaction, as in `gateway.collection`; what is to be told to peers goes
through the outbox in the same transaction.
"""
