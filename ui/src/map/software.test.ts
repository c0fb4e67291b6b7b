import { describe, expect, it } from "vitest";
import { isSoftware } from "./software";

describe("who draws the map", () => {
  it("knows renderers without a graphics card", () => {
    for (const name of [
      "ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device (Subzero)), SwiftShader driver)",
      "llvmpipe (LLVM 15.0.7, 256 bits)",
      "ANGLE (Microsoft, Microsoft Basic Render Driver, D3D11)",
    ]) expect(isSoftware(name)).toBe(true);
  });
  it("leaves graphics cards alone", () => {
    for (const name of ["ANGLE (NVIDIA, GeForce RTX 3060, OpenGL 4.5)", "Mali-G78", "Apple M1", ""])
      expect(isSoftware(name)).toBe(false);
  });
});
