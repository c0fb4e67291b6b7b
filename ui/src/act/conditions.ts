/** The five conditions of 40 CFR 63.6640(f)(4)(ii), by the field of `local_need` each goes to. */
export const CONDITIONS = [
  ["dispatched_by", "Called by which balancing authority or network operator?"],
  ["averts", "To avert which voltage collapse or line overload?"],
  ["protocol", "Under which reliability standard or guideline?"],
  ["serves", "For the site itself, or which part of the local network?"],
  ["recorded_by", "Who keeps the record of it?"],
] as const;
