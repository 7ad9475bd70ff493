// Which application a Host header selects.
import { describe, expect, it } from "vitest";
import { createHostTable } from "../../src/http/host-table.ts";

const find = createHostTable([
  ["https://shop.example.com", "shop"],
  ["https://shop.example.com.au:8443", "shop-au"],
  ["https://xn--bcher-kva.example", "books"],
  ["http://[::1]:3000", "local"],
  ["http://localhost:3000", "development"],
]);

describe("the host table", () => {
  it.each([
    ["shop.example.com", "shop"],
    ["SHOP.example.COM", "shop"],
    ["shop.example.com:443", "shop"],
    ["shop.example.com:", "shop"],
    // The application compares the port.
    ["shop.example.com:1", "shop"],
    ["shop.example.com.", "shop"],
    ["shop.example.com.:443", "shop"],
    ["shop.example.com.au:8443", "shop-au"],
    ["xn--bcher-kva.example", "books"],
    ["XN--BCHER-KVA.example", "books"],
    ["[::1]:3000", "local"],
    ["[0:0:0:0:0:0:0:1]:3000", "local"],
    ["localhost:3000", "development"],
  ])("finds the application of %j", (header, application) => {
    expect(find(header)).toBe(application);
  });

  it.each([
    [""],
    ["."],
    ["shop"],
    ["example.com"],
    ["www.shop.example.com"],
    ["shop.example.com.."],
    ["shop.example.com.evil.test"],
    ["shop.example.comm"],
    ["evil.test#shop.example.com"],
    ["evil.test/shop.example.com"],
    ["shop.example.com/x"],
    ["user@shop.example.com"],
    ["shop.example.com, evil.test"],
    [" shop.example.com"],
    ["shop.example.com\t"],
    ["shop%2eexample.com"],
    ["shop。example.com"],
    ["ſhop.example.com"],
    ["bücher.example"],
    ["https://shop.example.com"],
    ["[::1"],
    ["::1"],
    ["__proto__"],
    ["constructor"],
  ])("finds no application of %j", (header) => {
    expect(find(header)).toBeUndefined();
  });
});
