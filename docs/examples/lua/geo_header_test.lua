local weir_test = require "weir.test"
weir_test.load("geo_header.lua")

local known = {["203.0.113.0/24"] = "NL", ["203.0.113.128/25"] = "BE", ["0.0.0.0/1"] = "XX"}
local function countryOf(address, headers)
  return weir_test.request{remote_address = address, headers = headers,
                           route_metadata = known}.headers["x-country"]
end

describe("geo header", function()
  it("goes by the longest prefix", function()
    assert.equal("NL", countryOf("203.0.113.9:1"))
    assert.equal("BE", countryOf("203.0.113.200:1"))
    assert.equal("XX", countryOf("10.0.0.1:1"))
  end)
  it("says nothing of whom it does not know", function()
    assert.is_nil(countryOf("198.51.100.1:1"))
    assert.is_nil(countryOf("[2001:db8::1]:1"))
  end)
  it("does not believe the client", function()
    assert.is_nil(countryOf("198.51.100.1:1", {["x-country"] = "NL"}))
  end)
end)
