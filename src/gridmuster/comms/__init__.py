"""How messages travel: one small `Bus`, three ways to carry it.

* ``bus`` - what every transport offers, topic matching, the bounded queue
* ``memory`` - a broker inside the process, for lockstep runs and tests
* ``mqtt`` - MQTT 3.1.1 over TCP or TLS
* ``address`` - a broker's URL
* ``broker`` - an MQTT broker as a child process, for one machine
"""
