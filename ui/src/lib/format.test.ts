import { describe, expect, it } from "vitest";
import { brief, energy, money, number, percent, power, price } from "./format";

describe("what rounds to nothing", () => {
  it("has no sign, whatever its unit", () => {
    expect(power(-2, 20_000)).toBe("0.00 MW");
    expect(power(-0.04)).toBe("0.0 kW");
    expect(power(-0.4, 100)).toBe("0 kW");
    expect(energy(-0.01)).toBe("0.0 kWh");
    expect(price(-0.001)).toBe("0.00 USD/MWh");
    expect(money(-0)).toBe("0.00 USD");
    expect([number(-0.4), number(-0.04, 1), number(-0.004, 2)]).toEqual(["0", "0.0", "0.00"]);
    expect(percent(-0.001)).toBe("0 %");
  });
});

describe("what is below nothing", () => {
  it("keeps its sign", () => {
    expect(power(-5, 20_000)).toBe("\u22120.01 MW");
    expect(power(-20_400)).toBe("\u221220.40 MW");
    expect(number(-1234.5, 1)).toBe("\u22121,234.5");
    expect(power(-0.06)).toBe("\u22120.1 kW");
  });
});

it("tells the day only where it is not today's", () => {
  const at = Date.UTC(2024, 6, 16, 3, 30);
  expect(brief(at, "America/Chicago", at + 60_000)).toBe("22:30:00");
  expect(brief(at, "America/Chicago", at + 7_200_000)).toBe("15 Jul, 22:30:00");
  expect(brief(at, "UTC", null)).toBe("16 Jul, 03:30:00");
  expect(brief(null, "UTC", at)).toBe("\u2013");
});
