"""Gridmuster, a virtual power plant control center.

Data flows down this list; imports point the other way only. Two programs sit beside the
center: the gateway at each site, and the simulator that stands in for the physical world.

Decide (pure: the clock and the messages are arguments):

* ``units``, ``clock``, ``errors`` - sign rule and unit conventions, time, the error tree
* ``signals`` - the messages that cross a boundary
* ``registers`` - declarative Modbus register maps and their codec
* ``fleet`` - devices, sites, areas, permits: validated, frozen objects and columns
* ``state`` - messages to one immutable snapshot a cycle
* ``forecast`` - history to quantiles per interval
* ``planning`` - unit commitment and storage over a horizon
* ``programs`` - the reasons to run, and the permit-hour ledger
* ``dispatch`` - set-points every few seconds, inside the plan
* ``safety`` - interlocks; they may only refuse or reduce a command
* ``center`` - the cycle that joins the above: step(now, inbox) -> outbox

Touch the world:

* ``comms`` - MQTT, OpenADR, REST and file transports
* ``gateway`` - the site agent and its controller drivers
* ``simulator`` - seeded physics, grid, market and faults
* ``store`` - journal, telemetry history, ledger
* ``report`` - settlement, compliance and revenue
* ``runtime`` - the only place that wires parts together
* ``console`` - the operator's page and its API
* ``cli`` - one command per job

Power is positive when it leaves a device towards the grid. Every number's name ends in its unit.
"""

__version__ = "0.1.0"
