"""The center's face to people: the HTTP API and the live terminal view.

* ``plant`` - what the console needs of a running center
* ``api`` - the FastAPI application; ``reading`` and ``operating`` are its two halves
* ``auth``, ``access``, ``guard``, ``idempotency`` - who may do what, and that it is done once
* ``tokens`` - the files that hold tokens
* ``feed``, ``stream`` - one encoding of each view for all readers, as server-sent events
* ``server`` - uvicorn inside an event loop that already runs
* ``client``, ``picture``, ``watching`` - the same API from the other side
* ``terminal`` - the plant and one device as text
"""
