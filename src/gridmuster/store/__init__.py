"""What is kept: the journal of everything that entered and left the center.

* ``records`` - what a record is, its encoding, its place in the hash chain
* ``journal`` - append, read, verify
* ``lock`` - one writer at a time
* ``schema`` - the tables, and all that differs between databases
"""
