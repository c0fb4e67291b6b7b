"""Price decomposition: plans of very large fleets, with a proven bound on what any plan costs.

`fleet` describes devices as arrays, `engine_kernels` and `store_kernels` answer prices device by
device, `pricing` adds the answers up over threads, `master` finds the prices, `rounding`,
`dispatch` and `polish` make a plan out of them, `solving` puts it together. `generator` makes
fleets for benchmarks, `problems` and `answers` translate from and to the planner's own problem.
"""
