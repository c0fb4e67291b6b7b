// The objectives' present figures of one area or several, from the rates the center reckons.

import type { AreaRow } from "../lib/types";

export interface Objectives {
  expense_usd_per_h: number | null;
  cost_usd_per_kwh: number | null;
  efficiency: number | null;
}

/** Below this nothing is generated, and a cost of it means nothing, kW. */
const LEAST_KW = 0.5;

/** Sums of the areas' rates; unknown where any area's part is. */
export function objectives(areas: readonly AreaRow[]): Objectives {
  const rates = areas.map((area) => area.rates ?? null);
  if (!rates.length || rates.some((one) => one === null)) {
    return { expense_usd_per_h: null, cost_usd_per_kwh: null, efficiency: null };
  }
  let expense: number | null = 0;
  let [usd, made, input, output] = [0, 0, 0, 0];
  for (const one of rates) {
    const part = one!.expense_usd_per_h;
    expense = expense === null || part === null ? null : expense + part;
    usd += one!.own_usd_per_h;
    made += one!.own_kw;
    input += one!.input_kw;
    output += one!.output_kw;
  }
  return {
    expense_usd_per_h: expense,
    cost_usd_per_kwh: made > LEAST_KW ? usd / made : null,
    efficiency: input > LEAST_KW ? output / input : null,
  };
}
