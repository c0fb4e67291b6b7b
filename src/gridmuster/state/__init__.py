"""Messages become one immutable snapshot a cycle: value, quality and age; nothing is decided."""
