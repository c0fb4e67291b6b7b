"""The program at each site: obeys valid commands, keeps the site safe alone, reports what it sees.

agent     one site, pure: image and messages in, frames and orders out
unit      what the agent knows of one device
commands  fencing, checks, the two acknowledgements
market    drives devices to their setpoints, and to the safe state when those lapse
duty      the site's own supply when the utility goes away
reports   what is worth saying, by exception and by heartbeat
memory    what survives a restart
outbox    store-and-forward while the link is down
shell     asyncio around the agent: reads links, writes orders, speaks on a bus
links     how a controller is reached; drivers: what its points and orders mean
"""
