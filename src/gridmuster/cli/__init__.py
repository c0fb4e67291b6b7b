"""The commands: one module a family, joined in `main`; heavy parts load when a command runs."""
