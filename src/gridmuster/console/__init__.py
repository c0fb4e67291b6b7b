"""The center's face to people: the HTTP API and the live terminal view.

* ``plant`` - what the console needs of a running center
* ``api`` - the FastAPI application; ``auth``, ``guard``, ``problems``, ``idempotency`` protect it
* ``feed``, ``stream`` - one encoding of each view for all readers, as server-sent events
* ``server`` - uvicorn inside an event loop that already runs
* ``client`` - the same API from the other side
* ``terminal`` - the plant and one device as text
"""
