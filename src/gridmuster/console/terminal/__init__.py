"""The plant and one device as text: for a live screen, a picture in a file, or plain lines.

* ``page`` - the whole plant, laid out for any width and height
* ``device`` - one device in full
* ``screen`` - keeps a terminal up to date, or prints a line now and then
* ``canvas``, ``palette``, ``words`` - lines of exact width, signs and colours, numbers and times
* ``balance``, ``fleet``, ``events`` - the parts of the page

Whatever colour says, a sign or letter says too; colours are readable on light and dark ground.
"""

from gridmuster.console.terminal.device import render_device
from gridmuster.console.terminal.page import render_plant
from gridmuster.console.terminal.screen import Screen
from gridmuster.console.terminal.words import plant_line

__all__ = ["Screen", "plant_line", "render_device", "render_plant"]
