"""How a domain says that mail for it goes through TLS, and what a client must do: MTA-STS, DANE, REQUIRETLS, reports.

Nothing here asks anybody: DNS answers, policy files and certificates come in as values, sentences and decisions go out.
"""
