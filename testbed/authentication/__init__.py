"""Who sent a message, and may they: SPF, DKIM, DMARC, ARC, PTR and block lists, judged without asking anybody.

Every judge takes a :data:`~testbed.authentication.lookup.Lookup` of answers that are known already.  A question whose
answer is not known raises :class:`~testbed.authentication.lookup.Unanswered`, which names it: a host then asks its name
server and judges again, the inspector says what the capture does not hold.
"""
