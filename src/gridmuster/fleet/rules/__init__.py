"""The checks that look at more than one field: each a function from the book to its faults.

`references` looks at ids and what refers to them, `geography` at borders and places, `machines`
at each device by itself, `promises` at what sites and areas need and have.
"""
